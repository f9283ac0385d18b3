using System.Collections.Concurrent;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Callers;

/// <summary>
/// The pages pinned for a process that called a node of ours. Outlives the process while anything is pinned.
/// </summary>
/// <param name="pid">Its ID.</param>
/// <param name="pidfd">Readable once the process has ended. Disposed of when no longer needed.</param>
internal sealed class CallerPins(int pid, FileDescriptor pidfd) : ProcessPins
{
    // One entry for each user that ever called.
    private static readonly ConcurrentDictionary<uint, UserPins> s_users = new();

    private ulong _limit;

    /// <inheritdoc/>
    public override bool HasEnded
    {
        get
        {
            try
            {
                return SysEvents.Poll(pidfd, SysEvents.POLLIN, 0, out short ready) != Errno.None || ready != 0;
            }
            catch (ObjectDisposedException)
            {
                return true; // it has ended, or runs another program with other memory
            }
        }
    }

    /// <summary>The process's present limit; after its end, the last known one.</summary>
    public override ulong LockLimit
    {
        get
        {
            // The ID was still the process's if the process is alive afterwards.
            if (TryReadLimit(out ulong limit) && !HasEnded) _limit = limit;
            return _limit;
        }
    }

    /// <summary>The pages charged to a user.</summary>
    public static UserPins OfUser(uint user) => s_users.GetOrAdd(user, _ => new UserPins());

    // prlimit of another user's process needs a privilege; reading the file does not.
    private bool TryReadLimit(out ulong limit) =>
        SysCredentials.TryGetLockLimit(pid, out limit) || TryReadLimits($"/proc/{pid}/limits", out limit);

    internal static bool TryReadLimits(string path, out ulong limit)
    {
        const string Name = "Max locked memory ";
        limit = 0;
        try
        {
            foreach (string line in File.ReadLines(path))
            {
                if (!line.StartsWith(Name, StringComparison.Ordinal)) continue;
                string soft = line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
                if (soft != "unlimited") return ulong.TryParse(soft, CultureInfo.InvariantCulture, out limit);
                limit = ulong.MaxValue;
                return true;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // the process has just ended
        }

        return false;
    }
}
