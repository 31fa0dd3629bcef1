-- Whether a comment stands, and what it replies to.  KEYS: comments.  ARGV: comment
-- Returns 1 or 0, and `parent body` of the other one; null if there is none.
local parent = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) .')
if not parent then return {0, false} end
return {1, parent ~= '0' and redis.call('HGET', KEYS[1], parent)}
