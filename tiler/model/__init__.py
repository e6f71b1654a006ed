"""The model room: the only one that imports TensorFlow, and only when a network is to run.

card      ModelCard, what a network is and expects; cards() and find_card()
network   Network, the door that everything else knows
session   Session and open_session(), a network at work
hub       where a graph lies, and fetching it
graph     reading a graph file
facts     what in a graph bears on tiling
quiet     keeping libraries off the terminal
"""
