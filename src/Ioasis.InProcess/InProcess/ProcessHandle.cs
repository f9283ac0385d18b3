using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Client.InProcess;

/// <summary>An open node and the memory behind it.</summary>
internal sealed class OpenNode(NodeFile file, ProcessCarrier carrier) : OpenDescription
{
    internal NodeFile File => file;

    internal ProcessCarrier Carrier => carrier;

    protected override void Close()
    {
        file.End();
        carrier.Dispose();
    }
}

/// <summary>
/// A descriptor of an open node. Each call holds the file, so the file outlives a close by another thread.
/// </summary>
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

    public override SysResult Ioctl(uint command, ulong argument) =>
        Call((file, call) => WatchedCalls.Ioctl(file, call, new CallOrigin(0, Descriptor), command, argument));

    public override SysResult Read(ulong offset, Hva buffer, ulong count) => Call((file, call) =>
        offset > long.MaxValue ? Errno.EINVAL
        : file is QueueFile ? Errno.ESPIPE
        : WatchedCalls.Read(file, call, new CallOrigin(0, Descriptor), offset, buffer.Value, count));

    public override SysResult Write(ulong offset, Hva buffer, ulong count) => Call((file, call) =>
        offset > long.MaxValue ? Errno.EINVAL
        : file is QueueFile ? Errno.ESPIPE
        : WatchedCalls.Write(file, call, new CallOrigin(0, Descriptor), offset, buffer.Value, count));

    public override SysResult Read(Hva buffer, ulong count) =>
        Call((file, call) => file is QueueFile ? file.Read(call, 0, buffer.Value, count) : Errno.EINVAL);

    public override SysResult Write(Hva buffer, ulong count) =>
        Call((file, call) =>
            file is QueueFile
                ? file.Write(call, 0, buffer.Value, count)
                : WatchedCalls.Write(file, call, new CallOrigin(0, Descriptor), null, buffer.Value, count));

    public override bool Wait(TimeSpan timeout)
    {
        ObjectDisposedException.ThrowIf(!TryHold(out OpenDescription? description), this);
        try { return description is not OpenQueue queue || queue.Wait(timeout); }
        finally { description!.Release(); }
    }

    public override async ValueTask WaitAsync(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(!TryHold(out OpenDescription? description), this);
        try
        {
            if (description is OpenQueue queue) await queue.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            description!.Release();
        }
    }

    public override Errno TryMap(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable,
        out MappedRegion? region)
    {
        region = null;
        if (!TryHold(out OpenDescription? description)) return Errno.EBADF;
        if (description is not OpenNode node)
        {
            description.Release();
            return Errno.ENODEV;
        }

        ulong pages = ProcessCarrier.RoundUp(length);
        node.Carrier.AddMapping(offset, pages);
        Errno errno = length == 0 || pages == 0 || offset % ProcessCarrier.PageSize != 0 ? Errno.EINVAL
            : offset > long.MaxValue - pages ? Errno.EOVERFLOW
            : WatchedCalls.Map(node.File, new CallOrigin(0, Descriptor), offset, pages, shared, readable,
                writable, executable);
        if (errno == Errno.None)
            // the mapping takes over this call's hold
            region = new MappedRegion(node.Carrier.Map(offset, pages), Unmap);
        else
            Unmap();
        return errno;

        void Unmap()
        {
            node.Carrier.RemoveMapping(offset, pages);
            node.Release();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _closed, 1) == 0) _process.Descriptors.Close(Descriptor);
    }

    private SysResult Call(Func<NodeFile, ProcessCaller, SysResult> call)
    {
        if (!TryHold(out OpenDescription? description)) return Errno.EBADF;
        using var caller = new ProcessCaller(_process);
        bool wasHeard = Refusal.Begin(); // for the exception's message
        SysResult result = call(description is OpenQueue queue ? queue.File : ((OpenNode)description).File, caller);
        Refusal.End(wasHeard);
        description.Release();
        return result;
    }

    // A handle is always a queue or a node.
    private bool TryHold([NotNullWhen(true)] out OpenDescription? description)
    {
        description = null;
        if (Volatile.Read(ref _closed) != 0 || !_process.Descriptors.TryHold(Descriptor, out description)) return false;
        if (description is OpenNode or OpenQueue) return true;
        description.Release();
        description = null;
        return false;
    }
}
