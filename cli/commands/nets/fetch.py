"""``perceptron-sim nets fetch``: the public data sets, into the user cache."""

from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, metavar="[mnist] [cifar10] [all]")
@click.option(
    "--data-dir",
    "--out",
    "data_dir",
    type=click.Path(path_type=Path),
    help="Folder for mnist.npz, cifar10.npz.  [default: the user cache]",
)
@click.option("--force", is_flag=True, help="Fetch again what is already there.")
def command(names: tuple[str, ...], data_dir: Path | None, force: bool) -> int:
    """Download MNIST or CIFAR-10 from OpenML; without a name, mnist.

    The files are 128 and 660 MB of text, 16 and 210 MB if downloaded compressed. Checksum and
    content are verified before the archive gets its name. The same command continues an
    interrupted download, also after Ctrl-C. Data sets that are already there are not changed.
    """
    from cli.progress import TerminalProgress
    from nets.data.download import FetchError
    from nets.data.fetch import fetch, present
    from nets.data.paths import default_folder, locate
    from nets.data.sources import SOURCES
    from perceptron_sim.choices import check_choice
    from perceptron_sim.errors import InputError
    from perceptron_sim.places import check_writable

    for name in names:
        check_choice("data set", name, [*SOURCES, "all"])
    wanted = list(SOURCES) if "all" in names else list(dict.fromkeys(names)) or ["mnist"]
    folder = data_dir or default_folder()
    for name in wanted:
        source = SOURCES[name]
        try:
            there = None if force else present(source, data_dir)
        except InputError as error:
            raise InputError(f"{error}: --force fetches one into {folder}") from None
        if there is not None:
            path, images = there
            click.echo(f"{name}: {images} images are there already, in {path}")
            if images != source.images:
                click.echo(f"{name}: the set has {source.images}; --force fetches it", err=True)
            continue
        check_writable(folder, "--data-dir")
        try:
            path = fetch(source, folder, TerminalProgress("MB", 10**6))
        except KeyboardInterrupt:
            raise FetchError(
                f"interrupted: what was downloaded is in {folder}; the same command continues"
            ) from None
        click.echo(f"{name}: {source.images} images, checked, in {path}")
        first = locate(name, data_dir)
        if first != path:
            click.echo(f"{name}: {first} comes first", err=True)
    return 0
