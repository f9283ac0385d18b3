using Ioasis.Iommufd.Files;

namespace Ioasis.Host.Devices;

/// <summary>
/// An open file of a node that a program has. The table of open nodes holds it once, each call under way and each KVM that was told of it once more; as in Linux, the
/// last of them closes it, so that no call is under way when it is.
/// </summary>
internal sealed class OpenNode(INode node, Carrier carrier, NodeFile file, int flags)
{
    private int _holds = 1;

    /// <summary>What was opened.</summary>
    public INode Node => node;

    /// <summary>The memfd behind it.</summary>
    public Carrier Carrier => carrier;

    /// <summary>What serves its calls.</summary>
    public NodeFile File => file;

    /// <summary>The flags that it was opened with.</summary>
    public int Flags => flags;

    /// <summary>Whether no program has it open any more; it is held for a call, or by KVM.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>The inotify watch on the carrier.</summary>
    public int Watch { get; set; } = -1;

    /// <summary>Holds it for a call; false when it is closed already.</summary>
    public bool TryHold()
    {
        int held;
        do
        {
            held = Volatile.Read(ref _holds);
            if (held == 0) return false;
        }
        while (Interlocked.CompareExchange(ref _holds, held + 1, held) != held);
        return true;
    }

    /// <summary>Lets the hold of the table of open nodes go: no program has it open.</summary>
    public void Abandon()
    {
        IsAbandoned = true;
        Release();
    }

    /// <summary>Lets a hold go; the last closes the file.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holds) != 0) return;
        try
        {
            file.Close();
        }
        catch (Exception e)
        {
            ErrorOutput.Say($"closing {node.Path}", e);
        }

        carrier.Dispose();
    }
}
