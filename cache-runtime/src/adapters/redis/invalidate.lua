-- Removes value and lease, and taints the fences that stand.
remove(KEYS[1], KEYS[2], KEYS[3])
return 1
