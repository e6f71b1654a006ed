"""Ideas about detail, tried side by side: how a tile's alpha and the guide become one."""
