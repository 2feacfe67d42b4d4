"""Holdfast: four MCP servers that let an AI assistant operate a rack and keep their grip when appliances do not."""

__version__ = "0.1.0"
