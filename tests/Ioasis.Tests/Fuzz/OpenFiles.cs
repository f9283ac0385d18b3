using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Tests.Fuzz;

/// <summary>
/// The descriptors that the threads of a program share. As a kernel has it, a file that is closed while a call uses it
/// ends with that call.
/// </summary>
internal sealed class OpenFiles
{
    // Guards the table and the handles' counts. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Handle> _files = [];

    /// <summary>Opens a node at a descriptor; what was open there is closed.</summary>
    internal Errno Open(int descriptor, INode node)
    {
        Errno errno = node.Open(new PlainCarrier(), out NodeFile? file);
        if (errno == Errno.None) Place(descriptor, file!);
        return errno;
    }

    /// <summary>Puts an open file at a descriptor; what was open there is closed.</summary>
    internal void Place(int descriptor, NodeFile file)
    {
        Handle? former;
        lock (_lock)
        {
            _files.Remove(descriptor, out former);
            _files[descriptor] = new Handle(file);
        }

        if (former is not null) Release(former);
    }

    internal void Close(int descriptor)
    {
        Handle? former;
        lock (_lock) _files.Remove(descriptor, out former);
        if (former is not null) Release(former);
    }

    /// <summary>Closes everything, in the order of a program's end.</summary>
    internal void CloseAll()
    {
        int[] open;
        lock (_lock) open = [.. _files.Keys];
        foreach (int descriptor in open.Order()) Close(descriptor);
    }

    /// <summary>The file behind a descriptor, which stays until <see cref="Release"/>.</summary>
    internal Handle? Hold(int descriptor)
    {
        lock (_lock)
        {
            if (!_files.TryGetValue(descriptor, out Handle? handle)) return null;
            handle.Holders++;
            return handle;
        }
    }

    internal void Release(Handle handle)
    {
        lock (_lock)
        {
            if (--handle.Holders != 0) return;
        }

        handle.File.Close();
    }

    /// <summary>A file, and how many hold it: its descriptor and calls under way.</summary>
    internal sealed class Handle(NodeFile file)
    {
        internal NodeFile File => file;

        internal int Holders { get; set; } = 1;
    }
}
