-- A script runs for many entries at once: what it says is said for one of them, whose keys and
-- arguments stand in these. ARGV begins with how many there are; then each has how many keys and how
-- many arguments, and its arguments.
local all_keys, all_arguments = KEYS, ARGV
local KEYS, ARGV

