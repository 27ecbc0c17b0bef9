"""``make peers``: the environments of the peers."""

import sys

from goldenspike.tools.peers import install

if __name__ == "__main__":
    sys.exit(install())
