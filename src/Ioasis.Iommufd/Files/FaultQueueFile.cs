using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>The file that a program reads page requests from and writes responses to.</summary>
internal sealed class FaultQueueFile : ObjectQueueFile
{
    private static readonly int s_requestSize = Unsafe.SizeOf<IommuHwptPgfault>();
    private readonly IommufdFaultQueue _queue;

    internal FaultQueueFile(IommufdContext context, IommufdFaultQueue queue) : base(context, queue)
    {
        _queue = queue;
        queue.Readable = Wake;
    }

    /// <inheritdoc/>
    public override string Name => "[iommufd-pgfault]";

    /// <inheritdoc/>
    public override bool IsReadable => _queue.HasUnread;

    /// <inheritdoc/>
    public override int ResponseSize => Unsafe.SizeOf<IommuHwptPageResponse>();

    /// <inheritdoc/>
    public override int TryTake(Span<byte> room)
    {
        int count = _queue.TryTake(room.Length / s_requestSize, out IommuHwptPgfault[]? requests);
        if (requests is null) return -count * s_requestSize;
        MemoryMarshal.AsBytes<IommuHwptPgfault>(requests).CopyTo(room);
        return count * s_requestSize;
    }

    /// <inheritdoc/>
    public override Errno Answer(ReadOnlySpan<byte> response) =>
        _queue.Respond(MemoryMarshal.Read<IommuHwptPageResponse>(response));

    /// <summary>Reads whole groups, as many as fit. EINVAL if the first does not fit.</summary>
    public override SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (offset != 0 || count % (ulong)s_requestSize != 0)
            return Errno.ESPIPE.Because(
                $"{count} bytes are not a multiple of {s_requestSize}, the size of a page request");
        for (ulong done = 0; ;)
        {
            int needed = _queue.TryTake((int)Math.Min((count - done) / (ulong)s_requestSize, int.MaxValue),
                out IommuHwptPgfault[]? requests);
            if (requests is null)
                return done == 0 && needed != 0
                    ? Errno.EINVAL.Because("the room is too small for the next group of page requests")
                    : SysResult.Ok((long)done);
            ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<IommuHwptPgfault>(requests);
            if (!caller.Memory.TryWrite(new Hva(unchecked(buffer + done)), bytes))
            {
                _queue.Restore(requests[0].Cookie);
                return done == 0 ? UserFault.Write(buffer, (uint)bytes.Length) : SysResult.Ok((long)done);
            }

            done += (ulong)bytes.Length;
        }
    }

    /// <summary>
    /// Writes responses up to the first wrong one. Returns the error only if that is the first of all.
    /// </summary>
    public override SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (offset != 0 || count % (ulong)ResponseSize != 0)
            return Errno.ESPIPE.Because($"{count} bytes are not a multiple of {ResponseSize}, the size of a response");
        Span<byte> response = stackalloc byte[ResponseSize];
        for (ulong done = 0; done < count; done += (ulong)ResponseSize)
        {
            Errno errno = caller.Memory.TryRead(new Hva(unchecked(buffer + done)), response)
                ? Answer(response)
                : UserFault.Read(unchecked(buffer + done), (uint)ResponseSize);
            if (errno != Errno.None) return done == 0 ? errno : SysResult.Ok((long)done);
        }

        return SysResult.Ok((long)count);
    }
}
