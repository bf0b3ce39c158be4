"""Words of messages."""


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 run", "1,200 runs", "no runs"."""
    if number == 1:
        return f"1 {noun}"
    many = plural or f"{noun}s"
    return f"{number:,} {many}" if number else f"no {many}"
