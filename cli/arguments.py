"""The options of a command line, for its summary."""

import click

# Options that decide where and how fast, not what.
_WITHOUT_EFFECT = ("out", "workers", "scheduler", "as_json", "device", "data_dir", "kernels")


def arguments_given(ctx: click.Context, without: tuple[str, ...] = ()) -> list[str]:
    """Return the options given, in a fixed order, so that a resumed scan has the same summary.

    Options in ``without`` are left out: they decide when, not what.
    """
    from perceptron_sim.scans.grid import grid_text

    shown = []
    for param in ctx.command.params:
        name = param.name or ""
        given_by_user = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if not given_by_user or name in (*_WITHOUT_EFFECT, *without):
            continue
        value = ctx.params[name]
        if param.param_type_name == "option" and isinstance(value, bool):
            shown.append(param.opts[0] if value else param.secondary_opts[0])
        elif getattr(param, "multiple", False):
            shown.extend(text for each in value for text in (param.opts[0], str(each)))
        else:
            shown.extend(
                [param.opts[0], grid_text(value) if isinstance(value, tuple) else str(value)]
            )
    return shown


def command_text(ctx: click.Context) -> str:
    """Return the command line without what decides when or how fast, for summary.json."""
    from perceptron_sim.names import command_line

    return command_line([*ctx.command_path.split(), *arguments_given(ctx, without=("budget",))])
