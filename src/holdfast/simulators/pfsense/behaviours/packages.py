"""Packages and certificates that the ACME package fetches (contract §13.12)."""

from __future__ import annotations

from holdfast.simulators.pfsense.answers import invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.certificates import key_pem, new_key
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.runtime import REPOSITORY
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work

ACME_SECONDS = 45.0


def short_name(name: str) -> str:
    """The name without the common prefix."""
    return name.removeprefix("pfSense-pkg-")


@behaves("AvailablePackage")
class AvailablePackages(Behaviour):
    """What the repository offers."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        installed = work.machine.packages.installed
        return {
            index: {
                "name": name,
                "shortname": short_name(name),
                "descr": descr,
                "version": version,
                "installed": name in installed,
                "deps": [short_name(name).lower()],
            }
            for index, (name, (version, descr)) in enumerate(sorted(REPOSITORY.items()))
        }


@behaves("Package")
class Packages(Behaviour):
    """What is installed. Installing and removing is synchronous and slow on the real one (contract §9.5)."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        rows: list[Stored] = []
        for name, version in sorted(work.machine.packages.installed.items()):
            latest, descr = REPOSITORY[name]
            rows.append(
                {
                    "name": name,
                    "shortname": short_name(name),
                    "descr": descr,
                    "installed_version": version,
                    "latest_version": latest,
                    "update_available": version != latest,
                }
            )
        return dict(enumerate(rows))

    def check(self, work: Work, obj: Obj) -> None:
        if obj.values["name"] in work.machine.packages.installed:
            raise invalid("PACKAGE_ALREADY_INSTALLED", f"Package `{obj.values['name']}` is already installed.")

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        name = str(obj.values["name"])
        work.machine.packages.installed[name] = REPOSITORY[name][0]
        await work.save(f"Installed {short_name(name)} via API")
        rows = self.source(work)
        obj.id, row = next((ident, row) for ident, row in rows.items() if row["name"] == name)
        obj.values |= row
        return True

    async def delete(self, work: Work, obj: Obj) -> bool:
        await work.act()
        name = str(obj.values["name"])
        del work.machine.packages.installed[name]
        await work.save(f"Removed {short_name(name)} via API")
        if name == "pfSense-pkg-RESTAPI":
            work.machine.downtime.package_gone_from = work.now
        return True


class AcmeJob(Behaviour):
    """Background jobs of the ACME package; only their log tells whether they succeeded."""

    verb = ""

    def jobs(self, work: Work) -> list[tuple[str, float]]:
        """Jobs as (name, time of start)."""
        raise NotImplementedError

    def source(self, work: Work) -> dict[Ident, Stored]:
        rows: list[Stored] = []
        for name, begun in self.jobs(work):
            done = work.now >= begun + ACME_SECONDS
            rows.append(
                {
                    "certificate": name,
                    "status": "completed" if done else "pending",
                    "last_updated": int(begun + ACME_SECONDS) if done else int(begun),
                    "result_log": f"{self.verb} {name}\nsuccess" if done else "",
                }
            )
        return dict(enumerate(rows))

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        self.jobs(work).append((str(obj.values["certificate"]), work.now))
        obj.values |= {"status": "pending", "last_updated": int(work.now), "result_log": ""}
        work.acted()
        return True


@behaves("ACMECertificateIssue")
class AcmeIssue(AcmeJob):
    """First issue of a certificate."""

    verb = "issue"

    def jobs(self, work: Work) -> list[tuple[str, float]]:
        return work.machine.runtime.acme_issues


@behaves("ACMECertificateRenew")
class AcmeRenew(AcmeJob):
    """Renewal of a certificate."""

    verb = "renew"

    def jobs(self, work: Work) -> list[tuple[str, float]]:
        return work.machine.runtime.acme_renewals


@behaves("ACMEAccountKeyRegister")
class AcmeRegister(Behaviour):
    """Registration of an account key."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        return {
            index: {"name": name, "status": "registered" if work.now >= begun + ACME_SECONDS else "pending"}
            for index, (name, begun) in enumerate(work.machine.runtime.acme_registrations)
        }

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        work.machine.runtime.acme_registrations.append((str(obj.values["name"]), work.now))
        obj.values["status"] = "pending"
        work.acted()
        return True


@behaves("ACMEAccountKey", "ACMECertificateDomain")
class AcmeChoices(Behaviour):
    """Fields whose choices the ACME package brings along."""

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Value] | None:
        if field.name == "acmeserver":
            return ["letsencrypt-production-2", "letsencrypt-staging-2", "zerossl-production", "custom"]
        if field.choices_source == "get_method_choices":
            return ["webroot", "webrootftp", "standalone", "standalonetls", "dns_manual", "dns_nsupdate", "dns_cf"]
        return list(field.choices) if field.choices else None

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        if field.default_callable == "generate_rsa_key":
            return key_pem(new_key("RSA", 2048))
        return None
