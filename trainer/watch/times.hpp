// All times by which the ranks of a job watch each other, in one place, because they only make sense
// together: each has been chosen against the others. Seconds. What the user may choose is WatchdogConfig.
//
//   who        constant             s     what it must be
//   watchdog   kLookSeconds         0.2   short against all that is decided by looking
//              kLongestLook         1     longer than a look: more was sleep, of the process or the machine
//              kWaitBeforeLook      0.3   above the waits of a healthy step, which then reads no files
//              kWaitToRead          0.8   enough for herald and watchdog to see a peer's last heartbeat; less
//                                         than the launcher's second, after which nobody is left to speak
//              kGraceSeconds        5     enough for a rank to end the job by itself and say why, before
//                                         another rank, which knows less, loses patience with it
//              kSecondsToBeStuck    0.1   two looks at /proc; short against the grace
//              kSecondsToList       0.3   the names of the checkpoints; the launcher's second is not to pass
//              kSecondsToClaim      1     one file made, on a disk that may be what hangs
//              kSecondsToSpeak      2     one message, or one crash record
//              kSecondsToEnd        10    longer than an orderly end of a failed rank
//   herald     kBeatSeconds         1     how old news may be; one small write per rank
//              kPollSeconds         0.2   as the looks of the watchdog, whose wish it has to notice
//              kReadSecondsPerRank  0.01  N ranks read N files each, so the pause between readings grows
//              kSlowCheckSeconds    10    a rank is slow when it is at two checks
//              kSlowWarningSeconds  60    several checks: the log is not to fill with one slow rank
//              kGoodbyeSeconds      2     (in herald.cpp) one write, for which `main` waits
//   judging    kSecondsToMiss       2.5   two heartbeats: one may be late, a lost lock alone is no proof
//              kSecondsToDoubt      4     more than that: here no lost lock speaks against the peer
//              kStaleSeconds        20    several readings: then it is this rank that hears nothing
//   main       kSecondsToWrite      2     one crash record, before anything that may hang
#pragma once

namespace annulus::trainer {

/// Between two looks of the watchdog at its own rank.
constexpr double kLookSeconds = 0.2;
/// More than this between two looks was not seen: the process was stopped, or the machine asleep.
constexpr double kLongestLook = 1;
/// A wait this long is worth a look at the processes of the others.
constexpr double kWaitBeforeLook = 0.3;
constexpr double kGraceSeconds = 5;
/// mpirun ends a job so long after a rank has died; srun on one node at once.
constexpr double kLauncherSeconds = 1;
/// A wait this long has shown what there is of a dead peer's last heartbeat.
constexpr double kWaitToRead = 0.8;
/// A rank that has failed waits two seconds for the others to fail as well; then it has no reason to stay.
constexpr double kSecondsToEnd = 10;
constexpr double kSecondsToList = 0.3;
constexpr double kSecondsToClaim = 1;
constexpr double kSecondsToSpeak = 2;
constexpr double kSecondsToBeStuck = 0.1;
/// That the main thread of a failing rank gives its crash record.
constexpr double kSecondsToWrite = 2;

/// Between two heartbeats.
constexpr double kBeatSeconds = 1;
/// How soon the herald notices that the others' heartbeats matter.
constexpr double kPollSeconds = 0.2;
/// With many ranks their files are read less often, so that all of them together are not a burden; few ranks
/// look at once when a wait begins to be long.
constexpr double kReadSecondsPerRank = 0.01;
constexpr double kSlowCheckSeconds = 10;
constexpr double kSlowWarningSeconds = 60;

/// A peer whose lock is gone is dead when so long no heartbeat has come either.
constexpr double kSecondsToMiss = 2.5;
/// Without a lock: so long after its last heartbeat it is not believed any more that a peer waits.
constexpr double kSecondsToDoubt = 4;
/// What was read so long ago is not believed: reading itself must hang.
constexpr double kStaleSeconds = 20;

static_assert(kLookSeconds < kLongestLook);
// A dead peer: the watchdog has noticed the wait, the herald the wish, and the file is read, before the
// watchdog stops waiting for it; and that is before the launcher ends this process as well.
static_assert(kWaitBeforeLook + kLookSeconds + kPollSeconds < kWaitToRead && kWaitToRead < kLauncherSeconds);
// A rank over its limit has noticed, looked what it hangs in, claimed to be the first, and spoken.
static_assert(kLookSeconds + kSecondsToBeStuck + kSecondsToList + kSecondsToClaim + kSecondsToSpeak <
              kGraceSeconds);
// A failed rank has written its record, asked who speaks, and waited for the others (2 s,
// MpiSession::meet_failed); what is left is for MPI_Abort, which is given 3 s.
static_assert(kSecondsToWrite + kSecondsToClaim + 2 + 3 < kSecondsToEnd);
// Two heartbeats can be missing only when two are due, and each may be a poll late.
static_assert(2 * (kBeatSeconds + kPollSeconds) < kSecondsToMiss && kSecondsToMiss < kSecondsToDoubt);
// Several readings fit in, up to some hundred ranks. From 1900 ranks on not even one does: there are times
// between two of them in which nothing is known of the others (VerdictRules::unknown_seconds).
static_assert(3 * (kBeatSeconds + kPollSeconds + 500 * kReadSecondsPerRank) < kStaleSeconds);
static_assert(2 * kSlowCheckSeconds < kSlowWarningSeconds);

}  // namespace annulus::trainer
