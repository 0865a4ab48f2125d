"""The training wing: data, networks, recipes, training and export. The only wing that imports torch."""
