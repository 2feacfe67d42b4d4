"""`holdfast.toml`: targets by name, secrets by reference, and what the server and the control floor may do."""

from holdfast.config.loader import default_config_path, load_config, parse_config
from holdfast.config.secrets import Secret
from holdfast.config.settings import Config, ControlSettings, ServerSettings
from holdfast.config.targets import Mode, TargetSettings

__all__ = [
    "Config",
    "ControlSettings",
    "Mode",
    "Secret",
    "ServerSettings",
    "TargetSettings",
    "default_config_path",
    "load_config",
    "parse_config",
]
