"""Which releases of the REST API package can be simulated, and what each release does differently (contract §15)."""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int, int]


def parse_version(text: str) -> Version:
    """`2.10`, `v2.10.0` and `<=v2.2.0` as three numbers; a missing part is 0. ValueError when it is no version."""
    parts = [int(part) for part in text.removeprefix("<=").removeprefix("v").split(".")]
    if not 1 <= len(parts) <= 3:
        raise ValueError(text)
    padded = [*parts, 0, 0][:3]
    return (padded[0], padded[1], padded[2])


@dataclass(frozen=True, slots=True)
class Persona:
    """One release line of the package on the pfSense release that it was made for."""

    name: str
    package: Version
    pfsense: str
    buildtime: str
    released: str

    @property
    def has_dry_run(self) -> bool:
        """`dry_run` is a control parameter (contract §7.4); before, it is an unknown field and the write happens."""
        return self.package >= (2, 8, 0)

    @property
    def has_plural_delete(self) -> bool:
        """Plural DELETE, `append`, `remove`, `async`, `reverse` and the `format` filter (contract §15, 2.1)."""
        return self.package >= (2, 1, 0)

    @property
    def has_sorting(self) -> bool:
        """`sort_by`, `sort_order`, `sort_flags` and the write lock (contract §15, 2.2)."""
        return self.package >= (2, 2, 0)

    @property
    def has_in_filter(self) -> bool:
        """The query filter `in` (contract §6)."""
        return self.package >= (2, 7, 0)

    @property
    def reads_logs_by_page(self) -> bool:
        """`limit` on log endpoints means the newest lines (contract §6); before, the whole file is loaded."""
        return self.package >= (2, 8, 0)

    @property
    def knows_package_services(self) -> bool:
        """Before 2.8 the flags of services that packages bring were wrong (contract §10.13): never `enabled`."""
        return self.package >= (2, 8, 0)

    @property
    def chooses_auth_by_header(self) -> bool:
        """The first method whose header is present is used; before 2.10 credentials are tried while choosing (§3.1)."""
        return self.package >= (2, 10, 0)

    @property
    def hides_shared_secrets(self) -> bool:
        """Pre-shared keys and CARP passwords are absent from answers (contract §15, 2.10)."""
        return self.package >= (2, 10, 0)

    @property
    def reported(self) -> str:
        """The version as `/system/restapi/version` writes it: 2.7 is padded to `v2.7.0`, 2.10 is not (§3.7)."""
        major, minor, patch = self.package
        if patch:
            return f"v{major}.{minor}.{patch}"
        text = f"{major}.{minor}"
        return f"v{text}.0" if len(text) == 3 else f"v{text}"


PERSONAS: dict[str, Persona] = {
    persona.name: persona
    for persona in (
        Persona("2.2", (2, 2, 0), "2.7.2", "2023-12-06 20:10:00 UTC", "2024-10-14"),
        Persona("2.3", (2, 3, 0), "2.7.2", "2023-12-06 20:10:00 UTC", "2024-12-09"),
        Persona("2.4", (2, 4, 0), "2.7.2", "2023-12-06 20:10:00 UTC", "2025-03-10"),
        Persona("2.5", (2, 5, 0), "2.8.0", "2025-05-21 19:12:00 UTC", "2025-05-29"),
        Persona("2.6", (2, 6, 0), "2.8.0", "2025-05-21 19:12:00 UTC", "2025-09-08"),
        Persona("2.7", (2, 7, 7), "2.8.0", "2025-05-21 19:12:00 UTC", "2026-01-19"),
        Persona("2.8", (2, 8, 4), "2.8.1", "2025-09-02 18:41:03 UTC", "2026-05-11"),
        Persona("2.9", (2, 9, 0), "2.8.1", "2025-09-02 18:41:03 UTC", "2026-07-28"),
        Persona("2.10", (2, 10, 0), "2.8.1", "2025-09-02 18:41:03 UTC", "2026-08-07"),
    )
}
DEFAULT_PERSONA = "2.10"


def persona(name: str | None) -> Persona:
    """The persona of this name, a release line such as `2.7` or a release of it; LookupError when there is none."""
    line = ".".join((name or DEFAULT_PERSONA).removeprefix("v").split(".")[:2])
    try:
        return PERSONAS[line]
    except KeyError:
        raise LookupError(f"no pfSense persona {name!r}; there are {', '.join(PERSONAS)}") from None
