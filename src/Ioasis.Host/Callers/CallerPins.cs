using System.Collections.Concurrent;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Callers;

/// <summary>
/// What is pinned in the name of a process that called a node of ours. It outlives the process, as long as anything is
/// pinned.
/// </summary>
/// <param name="pid">Its ID.</param>
/// <param name="pidfd">Readable when it has ended. Disposed of when it is of no use any more.</param>
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
                return true; // it ended, or runs another program, with other memory
            }
        }
    }

    /// <summary>That of the process; once it has ended, what it last was.</summary>
    public override ulong LockLimit
    {
        get
        {
            // The ID is still the process's if that lives afterwards.
            if (TryReadLimit(out ulong limit) && !HasEnded) _limit = limit;
            return _limit;
        }
    }

    /// <summary>What is charged to a user.</summary>
    public static UserPins OfUser(uint user) => s_users.GetOrAdd(user, _ => new UserPins());

    // Another user's process only tells the call with a privilege, but anyone the file.
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
            return false; // the process ended just now
        }

        return false;
    }
}
