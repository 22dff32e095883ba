"""All checks. To add one, extend the module it belongs to."""

from contextlib import closing

from outreply_cli.doctor.auth import check_keyring, check_token
from outreply_cli.doctor.context import DoctorContext
from outreply_cli.doctor.environment import check_environment
from outreply_cli.doctor.network import check_network
from outreply_cli.doctor.result import CheckResult
from outreply_cli.doctor.system import check_system

CHECKS = (check_system, check_environment, check_keyring, check_network, check_token)


def run_checks(context: DoctorContext) -> list[CheckResult]:
    """Run all checks and return their results without secrets; nothing is changed."""
    with closing(context):
        results = [result for check in CHECKS for result in check(context)]
        return [result.redact(context.secrets) for result in results]
