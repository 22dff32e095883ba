"""`outreply doctor`: what is wrong here, and how to mend it."""

from dataclasses import asdict

from outreply_cli.cli.options import command, new_command
from outreply_cli.context import Session

app = new_command()


@command(app, "doctor")
def doctor(session: Session) -> None:
    """Check this machine, the account and the way between; nothing is changed.

    Each check is ok, a warning, a failure, or skipped after another one.
    Exits 0 when nothing failed, 1 otherwise; warnings do not count.
    No secret is shown: the output can go into a report as it is.

    Example: outreply doctor

    Example: outreply doctor --json
    """
    from outreply_cli.commands.doctor_output import show_findings
    from outreply_cli.doctor.checks import Doctor
    from outreply_cli.doctor.result import Patient, Standing, UnhealthyError

    patient = Patient(
        session.environ, session.config_dir, session.state_dir, session.choices.profile
    )
    watching = session.show_exchange if session.choices.verbose else None
    found = Doctor(patient, session.clock, watching).findings()
    show_findings(
        session.output,
        [{**asdict(finding), "standing": finding.standing.value} for finding in found],
    )
    failed = [finding.check for finding in found if finding.standing == Standing.FAILURE]
    if failed:
        count = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
        raise UnhealthyError(
            f"{count} failed: {', '.join(dict.fromkeys(failed))}", details={"failed": failed}
        )
