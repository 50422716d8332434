"""The config as a tree on the terminal."""

import json
import sys

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.text import Text
from rich.tree import Tree


def print_tree(config: DictConfig, title: str) -> None:
    """Print a config on stderr, a branch per group; stdout is for results."""
    tree = Tree(Text(title, style="bold"))
    for name in map(str, config):
        node = OmegaConf.select(config, name)
        if isinstance(node, DictConfig):
            branch = tree.add(Text(name, style="cyan"))
            branch.add(Text(OmegaConf.to_yaml(node, resolve=True).rstrip()))
        else:
            tree.add(Text.assemble((name, "cyan"), f": {json.dumps(node)}"))
    Console(file=sys.stderr, soft_wrap=True).print(tree)
