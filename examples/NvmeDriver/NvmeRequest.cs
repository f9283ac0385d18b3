using System.Threading.Tasks.Sources;
using Ioasis.Core;
using Ioasis.Core.DmaApi;

namespace Ioasis.Examples.Nvme;

/// <summary>
/// A command from its submission to its end, and the memory for its PRP list. A queue has one for each command that can
/// be in flight, so no command allocates.
/// </summary>
internal sealed class NvmeRequest : IValueTaskSource<NvmeStatus>
{
    private readonly DmaPoolBlock _list;
    private readonly bool _hasList;
    private ManualResetValueTaskSourceCore<NvmeStatus> _end = new() { RunContinuationsAsynchronously = true };

    internal NvmeRequest(int id, DmaPool? lists)
    {
        Id = id;
        if (lists is null) return;
        IommuStatus status = lists.Allocate(out _list);
        _hasList = status == IommuStatus.Ok;
        if (!_hasList) throw new IOException($"No DMA memory: {status}.");
    }

    /// <summary>The command's ID: the request's place in its queue.</summary>
    internal int Id { get; }

    internal NvmeCommand Command;

    /// <summary>Whether the command has begun and not ended.</summary>
    internal bool IsActive { get; set; }

    internal long Cookie { get; set; }

    /// <summary>When it is too late, by <see cref="Environment.TickCount64"/>.</summary>
    internal long Deadline { get; set; }

    /// <summary>How often it failed or was too late.</summary>
    internal int Failures { get; set; }

    /// <summary>Whether the driver gave the command up; the next poll ends it.</summary>
    internal bool IsLost { get; set; }

    /// <summary>How the command ended.</summary>
    internal NvmeStatus Status { get; private set; }

    /// <summary>The result of a command that has one (Dword 0 of the completion).</summary>
    internal uint Result { get; set; }

    /// <summary>The end of the command, to be awaited once.</summary>
    internal ValueTask<NvmeStatus> Task => new(this, _end.Version);

    /// <summary>
    /// Describes data by physical region pages (4.3): the first may begin within a page, the second is a page or a list
    /// of the others.
    /// </summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="page">Page size of the controller.</param>
    internal void Describe(ulong address, ulong length, ulong page)
    {
        Command.Prp1 = address;
        Command.Prp2 = 0;
        ulong last = (address + length - 1) & ~(page - 1), next = (address & ~(page - 1)) + page;
        if (next > last) return;
        Command.Prp2 = next == last ? next : _list.Address.Value;
        if (next == last) return;
        for (uint entry = 0; next <= last; entry += sizeof(ulong), next += page) _list.Write(entry, next);
    }

    internal void Begin()
    {
        _end.Reset();
        Failures = 0;
        IsActive = true;
    }

    internal void End(NvmeStatus status)
    {
        Status = status;
        IsActive = false;
        _end.SetResult(status);
    }

    internal void Free()
    {
        if (_hasList) _list.Pool.Free(_list);
    }

    NvmeStatus IValueTaskSource<NvmeStatus>.GetResult(short token) => _end.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<NvmeStatus>.GetStatus(short token) => _end.GetStatus(token);

    void IValueTaskSource<NvmeStatus>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _end.OnCompleted(continuation, state, token, flags);
}
