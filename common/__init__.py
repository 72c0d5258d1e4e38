"""What agent, memory and navigator share: paths, files, locks, text at the edges, statistics. It knows none of them."""

if __name__ != "pilotage.common":  # two copies of its classes would be worse than an error
    raise ImportError(f"import pilotage.common, not {__name__}: the folder that holds this package is on the path")
