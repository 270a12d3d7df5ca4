"""``python -m fenxi_kernel.isolation [--uid N]``: prints what :func:`fenxi_kernel.isolation.probe` finds, as JSON."""

import argparse
import json

from fenxi_kernel.isolation import probe
from fenxi_kernel.isolation.probing import UID


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fenxi_kernel.isolation", description="Which layers this machine gives."
    )
    parser.add_argument("--uid", type=int, default=UID, help=f"the user that a kernel would become (default {UID})")
    print(json.dumps(probe(parser.parse_args().uid), indent=2))


if __name__ == "__main__":
    main()
