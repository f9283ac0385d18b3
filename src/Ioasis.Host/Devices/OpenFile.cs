using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// A file of ours that programs have open: of a node, or a queue. The table of open files holds it, and so do each call
/// under way and each KVM that was told of it. As in Linux, the last holder closes it, so no call is under way then.
/// </summary>
/// <param name="name">What it is called in messages: the node's path.</param>
/// <param name="carrier">The kernel's file that programs have in its place.</param>
/// <param name="file">What serves its calls.</param>
/// <param name="flags">The flags that it was opened with.</param>
/// <param name="opener">The process that opened it.</param>
/// <param name="node">What was opened; null for a file that only an ioctl gives.</param>
internal sealed class OpenFile(
    string name, FileCarrier carrier, NodeFile file, int flags, int opener, INode? node = null) : IClosable
{
    // Processes that share a file by fork come and go.
    private const int MaxUsers = 16;

    private HoldCount _holds = new();
    private int[] _users = [opener];

    /// <summary>What was opened; null for a file that only an ioctl gives.</summary>
    public INode? Node => node;

    /// <summary>The kernel's file that programs have in its place.</summary>
    public FileCarrier Carrier => carrier;

    /// <summary>What serves its calls.</summary>
    public NodeFile File => file;

    /// <summary>The flags that it was opened with.</summary>
    public int Flags => flags;

    /// <summary>Whether no program has it open any more; it may be held for a call, or by KVM.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>
    /// Whether a close was seen just now that may not have been the last. Of the table.
    /// </summary>
    public bool IsRecent { get; set; }

    /// <summary>Whether that was a while ago.</summary>
    public bool IsDoubtful { get; set; }

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public int Opener => opener;

    /// <inheritdoc/>
    public object? Exclusion => node?.Exclusion;

    /// <summary>The inotify watch on a memfd. Of the table.</summary>
    public int Watch { get; set; } = -1;

    /// <summary>What the epoll tells of our end of a queue. Of the table.</summary>
    public ulong Tag { get; set; }

    /// <summary>What it is counted in; null before it is in the table. Of the table.</summary>
    public OpenShare? Share { get; set; }

    /// <inheritdoc/>
    public bool HasUser(int process) => Array.IndexOf(Volatile.Read(ref _users), process) >= 0;

    /// <summary>A process makes a call on it.</summary>
    public void NoteUser(int process)
    {
        // Two threads may each lose the other's note; the next call makes up for it.
        if (!HasUser(process))
            Volatile.Write(ref _users, [.. Volatile.Read(ref _users).TakeLast(MaxUsers - 1), process]);
    }

    /// <summary>Holds it for a call; false when it is closed already.</summary>
    public bool TryHold() => _holds.TryAdd();

    /// <summary>Lets a hold go; the last closes the file.</summary>
    public void Release()
    {
        if (!_holds.Release()) return;
        try
        {
            file.End();
        }
        catch (Exception e)
        {
            ErrorOutput.Say($"closing {name}", e);
        }

        carrier.Dispose();
    }
}
