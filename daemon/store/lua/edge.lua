-- uses: log
-- The second half of follows and unfollows, in their subjects' partition: orders them with the subjects' shares.
-- KEYS: meta, log, then for each: followers, versions
-- ARGV: daemon, generation, partition, how long versions are kept in ms, then for each: `follow` or `unfollow`, reader,
--       subject, version (the id of the follow entry)
-- Returns for each the edge's position ('0' if a newer version was applied before, or there is no edge) and 1 if the subject is
-- followed by that version, so that its shares are to be backfilled.
local log, refusal = log_open()
if not log then return refusal end

local function standing(followers, reader)
  local edge = redis.call('ZSCORE', followers, reader)
  return edge and text(tonumber(edge)) or '0'
end

local function apply(followers, versions, follow, reader, subject, version)
  if redis.call('ZADD', versions, 'GT', 'CH', version, reader) == 0 then
    local newer = redis.call('ZSCORE', versions, reader) ~= version
    return newer and '0' or standing(followers, reader), (follow and not newer) and 1 or 0
  end
  local changed
  if follow then
    changed = redis.call('ZADD', followers, 'NX', text(log_next(log)), reader)
  else
    changed = redis.call('ZREM', followers, reader)
  end
  if changed == 0 then return standing(followers, reader), follow and 1 or 0 end
  return text(log_append(log, 'k', follow and 'edge' or 'unedge', 's', subject, 'r', reader, 'v', version)), follow and 1 or 0
end

local results = {}
for i = 3, #KEYS, 2 do
  local at = 5 + (i - 3) / 2 * 4
  results[#results + 1], results[#results + 2] =
    apply(KEYS[i], KEYS[i + 1], ARGV[at] == 'follow', ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end
log_close(log)
-- Versions that can no longer matter go in passing: a few for each batch.
for _, reader in ipairs(redis.call('ZRANGE', KEYS[4], '-inf', '(' .. log_horizon(log, tonumber(ARGV[4])), 'BYSCORE', 'LIMIT', 0, 64)) do
  redis.call('ZREM', KEYS[4], reader)
end
return results
