using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>The file that a program reads its guest's device events from.</summary>
internal sealed class VeventQueueFile : ObjectQueueFile
{
    private readonly VeventQueue _queue;

    internal VeventQueueFile(IommufdContext context, VeventQueue queue) : base(context, queue)
    {
        _queue = queue;
        queue.Connect(Wake, () => ReadBytes);
    }

    /// <inheritdoc/>
    public override string Name => "[iommufd-viommu-event]";

    /// <inheritdoc/>
    public override bool IsReadable => _queue.HasUnread;

    /// <inheritdoc/>
    public override int TryTake(Span<byte> room)
    {
        int length = _queue.TryTake(room, inTransit: true);
        return length > room.Length ? -length : length;
    }

    /// <summary>Reads whole records, as many as fit. EINVAL if the first does not fit.</summary>
    public override SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (offset != 0) return Errno.ESPIPE.Because("a queue has no offsets");
        if (count < (ulong)Unsafe.SizeOf<IommufdVeventHeader>())
            return Errno.EINVAL.Because($"the room of {count} bytes is less than an event's header");
        byte[] record = [];
        for (ulong done = 0; ;)
        {
            Span<byte> room = record.AsSpan(0, (int)Math.Min((ulong)record.Length, count - done));
            int length = _queue.TryTake(room, inTransit: false);
            if (length == 0) return SysResult.Ok((long)done);
            if (length > room.Length)
            {
                if ((ulong)length > count - done)
                    return done == 0
                        ? Errno.EINVAL.Because("the room is too small for the next event")
                        : SysResult.Ok((long)done);
                record = new byte[length];
                continue;
            }

            if (!caller.Memory.TryWrite(new Hva(unchecked(buffer + done)), record.AsSpan(0, length)))
            {
                _queue.Restore(record[..length]);
                return done == 0 ? UserFault.Write(buffer, (uint)length) : SysResult.Ok((long)done);
            }

            done += (ulong)length;
        }
    }
}
