using System.Diagnostics.CodeAnalysis;
using Ioasis.Memory.Threads;

namespace Ioasis.Client.InProcess;

/// <summary>
/// An open description, which descriptors of a process refer to. It counts its holders; the last one to release it
/// closes it.
/// </summary>
internal abstract class OpenDescription
{
    private HoldCount _references = new();

    internal bool TryAddReference() => _references.TryAdd();

    internal void Release()
    {
        if (_references.Release()) Close();
    }

    /// <summary>Closes it. Called once, when nobody holds it any more.</summary>
    protected abstract void Close();
}

/// <summary>The descriptors of one process. As with open(2), a new one gets the lowest free number.</summary>
internal sealed class DescriptorTable
{
    private const int First = 3; // 0, 1 and 2 are the standard streams

    // Guards _open. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.DescriptorTable);
    private readonly List<OpenDescription?> _open = [];

    /// <summary>Gives a description a descriptor. The table takes over the caller's reference.</summary>
    internal int Add(OpenDescription description)
    {
        using (_lock.Enter())
        {
            int free = _open.IndexOf(null);
            if (free < 0)
            {
                free = _open.Count;
                _open.Add(null);
            }

            _open[free] = description;
            return First + free;
        }
    }

    /// <summary>The description behind a descriptor, with one more reference for the caller.</summary>
    internal bool TryHold(int descriptor, [NotNullWhen(true)] out OpenDescription? description)
    {
        using (_lock.Enter())
        {
            int index = descriptor - First;
            description = index >= 0 && index < _open.Count ? _open[index] : null;
            return description is not null && description.TryAddReference();
        }
    }

    /// <summary>The first description that matches, with one more reference for the caller.</summary>
    internal bool TryHold(Predicate<OpenDescription> kind, [NotNullWhen(true)] out OpenDescription? description)
    {
        using (_lock.Enter())
        {
            description = _open.Find(one => one is not null && kind(one));
            return description is not null && description.TryAddReference();
        }
    }

    internal void Close(int descriptor)
    {
        OpenDescription? description;
        using (_lock.Enter())
        {
            int index = descriptor - First;
            if (index < 0 || index >= _open.Count) return;
            description = _open[index];
            _open[index] = null;
        }

        description?.Release();
    }

    /// <summary>Closes everything that is still open, as the end of a process does.</summary>
    internal void CloseAll()
    {
        int count;
        using (_lock.Enter()) count = _open.Count;
        for (int i = 0; i < count; i++) Close(First + i);
    }
}
