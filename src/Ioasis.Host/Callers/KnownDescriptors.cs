using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// Descriptors of a thread that referred to nodes of ours last time. Keeps their /proc/TID/fdinfo/N open: reading one
/// takes half the time of fetching the file. Each read gives the present state of the thread's own descriptor table; no
/// state is cached. Only the thread of ours that serves a call of the thread uses it.
/// </summary>
/// <param name="directory">The thread's /proc/TID/fd.</param>
internal sealed class KnownDescriptors(FileDescriptor directory) : IDisposable
{
    // A power of two. Descriptors with the same slot evict each other.
    private const int Slots = 8;

    private readonly Slot?[] _slots = new Slot?[Slots];

    /// <summary>The present file of a descriptor; false if it must be found out another way.</summary>
    public bool TryRead(int descriptor, out DescriptorInfo info)
    {
        info = default;
        return _slots[descriptor & (Slots - 1)] is { File: { } file } slot && slot.Descriptor == descriptor
            && DescriptorInfo.TryRead(file, out info);
    }

    /// <summary>Notes that a descriptor refers to a node. It is kept from the second time on.</summary>
    public void Add(int descriptor)
    {
        ref Slot? slot = ref _slots[descriptor & (Slots - 1)];
        bool again = slot?.Descriptor == descriptor;
        if (again && slot!.File is not null) return;
        FileDescriptor? file = null;
        if (again && SysFiles.OpenAt(directory, $"../fdinfo/{descriptor}", FcntlH.O_RDONLY,
            out FileDescriptor opened) == Errno.None)
            file = opened;
        slot?.File?.Dispose();
        slot = new Slot(descriptor, file);
    }

    /// <summary>
    /// Forgets a descriptor that no longer refers to a node. Reading the fdinfo of other files can take long.
    /// </summary>
    public void Drop(int descriptor)
    {
        ref Slot? slot = ref _slots[descriptor & (Slots - 1)];
        slot?.File?.Dispose();
        slot = null;
    }

    public void Dispose()
    {
        foreach (Slot? slot in _slots) slot?.File?.Dispose();
    }

    private sealed record Slot(int Descriptor, FileDescriptor? File);
}
