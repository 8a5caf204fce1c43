"""The group `world` with the commands of all modules."""

from coalserver.cli.hosted_worlds import add_hosted_world_commands
from coalserver.cli.log_import import import_logs
from coalserver.cli.saves import add_save_commands
from coalserver.cli.world_orders import add_order_commands
from coalserver.cli.worlds import world_group

add_hosted_world_commands(world_group)
add_order_commands(world_group)
world_group.add_command(import_logs)
add_save_commands(world_group)
