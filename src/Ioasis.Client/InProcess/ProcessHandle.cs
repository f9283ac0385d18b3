using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Client.InProcess;

/// <summary>An open node with the memory behind it.</summary>
internal sealed class OpenNode(NodeFile file, ProcessCarrier carrier) : OpenDescription
{
    internal NodeFile File => file;

    internal ProcessCarrier Carrier => carrier;

    protected override void Close()
    {
        file.Close();
        carrier.Dispose();
    }
}

/// <summary>A descriptor of an open node. Each call holds the file, so that a close by another thread waits for it.</summary>
internal sealed class ProcessHandle : NodeHandle
{
    private readonly ProcessNodes _process;
    private int _closed;

    internal ProcessHandle(string path, ProcessNodes process, int descriptor) : base(path)
    {
        _process = process;
        Descriptor = descriptor;
    }

    public override int Descriptor { get; }

    public override SysResult Ioctl(uint command, ulong argument)
    {
        if (!TryHold(out OpenNode? node)) return Errno.EBADF;
        using var call = new ProcessCaller(_process);
        SysResult result = node!.File.Ioctl(call, command, argument);
        node.Release();
        return result;
    }

    public override SysResult Read(ulong offset, Hva buffer, ulong count)
    {
        if (!TryHold(out OpenNode? node)) return Errno.EBADF;
        using var call = new ProcessCaller(_process);
        SysResult result = offset > long.MaxValue ? Errno.EINVAL : node!.File.Read(call, offset, buffer.Value, count);
        node!.Release();
        return result;
    }

    public override SysResult Write(ulong offset, Hva buffer, ulong count)
    {
        if (!TryHold(out OpenNode? node)) return Errno.EBADF;
        using var call = new ProcessCaller(_process);
        SysResult result = offset > long.MaxValue ? Errno.EINVAL : node!.File.Write(call, offset, buffer.Value, count);
        node!.Release();
        return result;
    }

    public override Errno TryMap(ulong offset, ulong length, bool shared, bool writable, bool executable, out MappedRegion? region)
    {
        region = null;
        if (!TryHold(out OpenNode? node)) return Errno.EBADF;
        ulong pages = ProcessCarrier.RoundUp(length);
        Errno errno = length == 0 || pages == 0 || offset % ProcessCarrier.PageSize != 0 ? Errno.EINVAL
            : offset > long.MaxValue - pages ? Errno.EOVERFLOW
            : node!.File.Map(offset, pages, shared, writable, executable);
        if (errno == Errno.None)
        {
            SharedBytes bytes = node!.Carrier.Map(offset, pages);
            region = new MappedRegion(bytes, node.Release); // the mapping takes this call's hold over
            return Errno.None;
        }

        node!.Release();
        return errno;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _closed, 1) == 0) _process.Descriptors.Close(Descriptor);
    }

    private bool TryHold(out OpenNode? node)
    {
        node = null;
        if (Volatile.Read(ref _closed) != 0 || !_process.Descriptors.TryHold(Descriptor, out OpenDescription? description)) return false;
        node = description as OpenNode;
        if (node is null) description.Release();
        return node is not null;
    }
}
