-- To whose comment a comment replies.  KEYS: comments.  ARGV: comment
-- Returns `parent body` of the other one; null if there is none, or the comment is gone.
local parent = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) .')
if not parent or parent == '0' then return false end
return redis.call('HGET', KEYS[1], parent)
