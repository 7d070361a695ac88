"""One function for each verb: what the command line and the Python API call.

They return documents and never print; what must be asked or told while they run goes
through the callables that they are given.
"""

from tzmigrate.commands.common import (
    AlembicOptions,
    Confirm,
    Connection,
    Progress,
    Selection,
    SqlOptions,
)
from tzmigrate.commands.keeping import Keeping
from tzmigrate.commands.migration import (
    adopt,
    apply,
    plan,
    rollback,
    scan,
    status,
    verify,
)
from tzmigrate.commands.restoration import restore
from tzmigrate.commands.safety import (
    backup_create,
    backup_list,
    backup_prune,
    backup_verify,
)

__all__ = [
    "AlembicOptions",
    "Confirm",
    "Connection",
    "Keeping",
    "Progress",
    "Selection",
    "SqlOptions",
    "adopt",
    "apply",
    "backup_create",
    "backup_list",
    "backup_prune",
    "backup_verify",
    "plan",
    "restore",
    "rollback",
    "scan",
    "status",
    "verify",
]
