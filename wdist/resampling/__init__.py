"""What reshuffled or redrawn rows show: relabellings and their statistics, serial dependence, bands on the line."""
