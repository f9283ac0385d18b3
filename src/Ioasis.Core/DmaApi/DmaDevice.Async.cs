using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <content>
/// Calls that wait for addresses, where the others answer NoSpace. They wait until devices of the space have given
/// enough back: by an unmap, or, in a lazy space, by a flush. No thread is blocked. A call that need not wait costs
/// what the other one costs. Calls that wait are served in no particular order.
/// </content>
/// <remarks>
/// NoSpace remains the answer where waiting is in vain: the mask is too small even for an empty space, the buffer is
/// larger than what can be bounced, it is a scatter list whose pieces are bounced, or addresses are the memory's own. A
/// call that is cancelled has mapped nothing. A device that is disposed ends the waits with
/// <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed partial class DmaDevice
{
    /// <summary>
    /// As <see cref="Map{T}(Memory{T}, DmaDirection, out DmaMapping, DmaAttributes)"/>, waiting for addresses. The
    /// memory must not be used meanwhile.
    /// </summary>
    /// <exception cref="OperationCanceledException">The call was cancelled before there was room.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed before there was room.</exception>
    public ValueTask<(IommuStatus Status, DmaMapping Mapping)> MapAsync<T>(
        Memory<T> memory, DmaDirection direction, DmaAttributes attributes = 0, CancellationToken token = default)
        where T : unmanaged
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<(IommuStatus Status, DmaMapping Mapping)>(token);
        IommuStatus status = Map(memory, direction, out DmaMapping mapping, attributes);
        return status == IommuStatus.NoSpace
            ? MapLateAsync(memory, direction, attributes, token) : new((status, mapping));
    }

    /// <summary>
    /// As <see cref="Map(DmaMemory, ulong, ulong, DmaDirection, out DmaMapping, DmaAttributes)"/>, waiting for
    /// addresses.
    /// </summary>
    /// <exception cref="OperationCanceledException">The call was cancelled before there was room.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed before there was room.</exception>
    public ValueTask<(IommuStatus Status, DmaMapping Mapping)> MapAsync(
        DmaMemory memory, ulong offset, ulong length, DmaDirection direction, DmaAttributes attributes = 0,
        CancellationToken token = default)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<(IommuStatus Status, DmaMapping Mapping)>(token);
        IommuStatus status = Map(memory, offset, length, direction, out DmaMapping mapping, attributes);
        return status == IommuStatus.NoSpace
            ? MapLateAsync(memory, offset, length, direction, attributes, token) : new((status, mapping));
    }

    /// <summary>As <see cref="MapScatter"/>, waiting for addresses.</summary>
    /// <exception cref="OperationCanceledException">The call was cancelled before there was room.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed before there was room.</exception>
    public ValueTask<(IommuStatus Status, DmaScatterMapping? Mapping)> MapScatterAsync(
        ReadOnlyMemory<DmaPiece> pieces, DmaDirection direction, CancellationToken token = default)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<(IommuStatus Status, DmaScatterMapping? Mapping)>(token);
        IommuStatus status = MapScatter(pieces.Span, direction, out DmaScatterMapping? mapping);
        return status == IommuStatus.NoSpace ? MapLateAsync(pieces, direction, token) : new((status, mapping));
    }

    /// <summary>As <see cref="AllocateCoherent"/>, waiting for addresses.</summary>
    /// <exception cref="OperationCanceledException">The call was cancelled before there was room.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed before there was room.</exception>
    public ValueTask<(IommuStatus Status, DmaBuffer? Buffer)> AllocateCoherentAsync(
        ulong length, CancellationToken token = default)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<(IommuStatus Status, DmaBuffer? Buffer)>(token);
        IommuStatus status = AllocateCoherent(length, out DmaBuffer? buffer);
        return status == IommuStatus.NoSpace ? AllocateCoherentLateAsync(length, token) : new((status, buffer));
    }

    /// <summary>As <see cref="AllocateIova"/>, waiting for addresses.</summary>
    /// <exception cref="OperationCanceledException">The call was cancelled before there was room.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed before there was room.</exception>
    public ValueTask<(IommuStatus Status, DmaIovaRange? Range)> AllocateIovaAsync(
        ulong length, CancellationToken token = default)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<(IommuStatus Status, DmaIovaRange? Range)>(token);
        IommuStatus status = AllocateIova(length, out DmaIovaRange? range);
        return status == IommuStatus.NoSpace ? AllocateIovaLateAsync(length, token) : new((status, range));
    }

    /// <summary>Tries until the answer is not NoSpace, each time after addresses were given back.</summary>
    /// <param name="pages">Bytes of addresses that it takes, whole pages; 0 where room is not what is missing.</param>
    /// <param name="mask">The last address that they may have.</param>
    /// <param name="attempt">What to try. It throws when the device is disposed.</param>
    /// <param name="token">Ends the wait.</param>
    internal async ValueTask<(IommuStatus Status, T Result)> WhenThereIsRoomAsync<T>(
        ulong pages, ulong mask, Func<(IommuStatus Status, T Result)> attempt, CancellationToken token)
    {
        bool isInVain = pages == 0 || Space.Iovas?.CouldHold(pages, mask) != true;
        while (true)
        {
            Task? given = isInVain ? null : Space.Iovas!.Room.Next();
            (IommuStatus Status, T Result) answer = attempt();
            if (given is null || answer.Status != IommuStatus.NoSpace) return answer;
            await given.WaitAsync(token).ConfigureAwait(false);
        }
    }

    // What follows allocates closures, so it stands apart from the calls that need not wait.

    private async ValueTask<(IommuStatus Status, DmaMapping Mapping)> MapLateAsync<T>(
        Memory<T> memory, DmaDirection direction, DmaAttributes attributes, CancellationToken token)
        where T : unmanaged
    {
        using PinnedMemory pinned = PinnedMemory.Pin(memory); // so that its place within its page stays
        ulong pages = NeedsSync && pinned.Length > MaxBounce ? 0 : PagesOf(pinned.Address, pinned.Length);
        return await WhenThereIsRoomAsync(pages, _mask,
            () => (Map(memory, direction, out DmaMapping late, attributes), late), token).ConfigureAwait(false);
    }

    private ValueTask<(IommuStatus Status, DmaMapping Mapping)> MapLateAsync(
        DmaMemory memory, ulong offset, ulong length, DmaDirection direction, DmaAttributes attributes,
        CancellationToken token)
    {
        bool isTooLarge = _options.BouncesAlways && length > MaxBounce;
        ulong pages = isTooLarge ? 0 : PagesOf(memory.Bytes.Address + (nint)offset, length);
        return WhenThereIsRoomAsync(pages, _mask,
            () => (Map(memory, offset, length, direction, out DmaMapping late, attributes), late), token);
    }

    private ValueTask<(IommuStatus Status, DmaScatterMapping? Mapping)> MapLateAsync(
        ReadOnlyMemory<DmaPiece> pieces, DmaDirection direction, CancellationToken token)
    {
        // The pieces of a bounced list have addresses each. A list that waits with some of them could wait for another.
        ulong pages = _options.BouncesAlways ? 0 : LayOut(pieces.Span, new ulong[pieces.Length]);
        return WhenThereIsRoomAsync(pages, _mask,
            () => (MapScatter(pieces.Span, direction, out DmaScatterMapping? late), late), token);
    }

    private ValueTask<(IommuStatus Status, DmaBuffer? Buffer)> AllocateCoherentLateAsync(
        ulong length, CancellationToken token) => WhenThereIsRoomAsync(Space.WholePages(length), _coherentMask,
            () => (AllocateCoherent(length, out DmaBuffer? late), late), token);

    private ValueTask<(IommuStatus Status, DmaIovaRange? Range)> AllocateIovaLateAsync(
        ulong length, CancellationToken token) => WhenThereIsRoomAsync(Space.WholePages(length), _mask,
            () => (AllocateIova(length, out DmaIovaRange? late), late), token);

    private ulong PagesOf(nint address, ulong length) =>
        Space.WholePages(((ulong)address & (Space.PageSize - 1)) + length);
}
