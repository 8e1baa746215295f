-- Removes value and lease, and taints the fences that stand.
remove()
return 1
