using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// The descriptors of a thread that were nodes of ours when they were last asked for: their /proc/TID/fdinfo/N are kept
/// open, as reading one takes half of the time that fetching the file does. What is read is what stands there at that
/// moment, in the thread's own table of descriptors: nothing is remembered of it. Used by who serves a call of the
/// thread.
/// </summary>
/// <param name="directory">The thread's /proc/TID/fd.</param>
internal sealed class KnownDescriptors(FileDescriptor directory) : IDisposable
{
    // A power of two. Those that come to the same slot take it from each other.
    private const int Slots = 8;

    private readonly Slot?[] _slots = new Slot?[Slots];

    /// <summary>What a descriptor stands for at this moment; false when that has to be found out otherwise.</summary>
    public bool TryRead(int descriptor, out DescriptorInfo info)
    {
        info = default;
        return _slots[descriptor & (Slots - 1)] is { File: { } file } slot && slot.Descriptor == descriptor
            && DescriptorInfo.TryRead(file, out info);
    }

    /// <summary>A descriptor was seen to be a node's. From the second time on it is known.</summary>
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

    /// <summary>It is none any more. To read what others have to say in their fdinfo can take long.</summary>
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
