using System.Threading.Tasks.Sources;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Examples.Nvme;

/// <summary>
/// A command from its submission to its end, and the memory for its PRP list. A queue has one for each command that can
/// be in flight, so no command allocates.
/// </summary>
internal sealed class NvmeRequest : IValueTaskSource<NvmeStatus>
{
    /// <summary>The most requests of a queue: a command's ID has 12 bits for the number of its request.</summary>
    internal const int Most = 1 << 12;

    private readonly DmaPoolBlock? _list;
    private ushort _id; // of the command: the number of the request, and above it that of the submission
    private ManualResetValueTaskSourceCore<NvmeStatus> _end = new() { RunContinuationsAsynchronously = true };

    internal NvmeRequest(int number, DmaPool? lists)
    {
        _id = (ushort)number;
        if (lists is null) return;
        IommuStatus status = lists.Allocate(out DmaPoolBlock list);
        _list = status == IommuStatus.Ok ? list : throw new IOException($"No DMA memory: {status}.");
    }

    internal NvmeCommand Command;

    /// <summary>Whether the command has begun and not ended.</summary>
    internal bool IsActive { get; private set; }

    internal long Cookie { get; set; }

    /// <summary>When it is too late, by <see cref="Environment.TickCount64"/>.</summary>
    internal long Deadline { get; set; }

    /// <summary>How often it failed or was too late.</summary>
    internal int Failures { get; set; }

    /// <summary>How the command ended.</summary>
    internal NvmeStatus Status { get; private set; }

    /// <summary>The result of a command that has one (Dword 0 of the completion).</summary>
    internal uint Result { get; set; }

    /// <summary>The end of the command, to be awaited once.</summary>
    internal ValueTask<NvmeStatus> Task => new(this, _end.Version);

    /// <summary>The number of the request that a command's ID is for.</summary>
    internal static int NumberOf(ushort id) => id & (Most - 1);

    /// <summary>
    /// Describes data by physical region pages (4.3): the first may begin within a page, the second is a page or a list
    /// of the others.
    /// </summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="page">Page size of the controller.</param>
    internal void Describe(Iova address, ulong length, ulong page)
    {
        ulong next = (address.Value & ~(page - 1)) + page, end = address.Value + length;
        Command.Prp1 = address.Value;
        Command.Prp2 = end <= next ? 0 : end <= next + page ? next : _list!.Value.Address.Value;
        if (end <= next + page) return;
        for (uint entry = 0; next < end; entry += sizeof(ulong), next += page) _list!.Value.Write(entry, next);
    }

    internal void Begin()
    {
        _end.Reset();
        Failures = 0;
        IsActive = true;
    }

    /// <summary>
    /// Gives the command another ID for each submission. If the driver gives a command up, a completion that comes late
    /// does not end what the request is used for by then.
    /// </summary>
    internal void Renew() => Command.Id = _id = (ushort)(_id + Most);

    /// <summary>Whether the command is in flight with this ID.</summary>
    internal bool Has(ushort id) => IsActive && _id == id;

    internal void End(NvmeStatus status)
    {
        Status = status;
        IsActive = false;
        _end.SetResult(status);
    }

    internal void Free() => _list?.Pool.Free(_list.Value);

    NvmeStatus IValueTaskSource<NvmeStatus>.GetResult(short token) => _end.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<NvmeStatus>.GetStatus(short token) => _end.GetStatus(token);

    void IValueTaskSource<NvmeStatus>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _end.OnCompleted(continuation, state, token, flags);
}
