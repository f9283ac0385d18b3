using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// A HWPT whose first stage lies in the memory of the IOAS below it, and is written there by whoever owns it.
/// </summary>
public sealed class NestedHwpt : Hwpt
{
    internal NestedHwpt(IommuContext context, uint id) : base(context, id)
    {
    }

    /// <summary>
    /// Invalidates what an Intel VT-d unit keeps of the first stage (IOMMU_HWPT_INVALIDATE). When it returns, changes
    /// of the tables that were made before are in force.
    /// </summary>
    /// <param name="at">First address, a multiple of 4 KiB.</param>
    /// <param name="pages">How many pages of 4 KiB; null for all there are, from address 0 on.</param>
    /// <param name="leafOnly">Whether only leaves were changed, no entry that leads to a table.</param>
    /// <exception cref="IommuException">Refused: EINVAL misaligned, or not a first stage of a VT-d unit.</exception>
    public void Invalidate(Iova at, ulong? pages, bool leafOnly = false)
    {
        var entry = new IommuHwptVtdS1Invalidate
        {
            Addr = at.Value,
            Npages = pages ?? ulong.MaxValue,
            Flags = leafOnly ? IommufdH.IOMMU_VTD_INV_FLAGS_LEAF : 0,
        };
        SysResult result = TryInvalidate([entry], out _);
        if (!result.IsOk)
            throw new IommuException(result.Errno,
            $"invalidation of {(pages is { } count ? $"{count} pages" : "everything")} from {at} on in HWPT {Id}");
    }

    /// <summary>Invalidates all of it.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public void InvalidateAll() => Invalidate(Iova.Zero, null);

    /// <summary>Several invalidations in one call, as they are.</summary>
    /// <param name="entries">What to invalidate, in this order; one that is refused ends the call.</param>
    /// <param name="done">How many were done.</param>
    public SysResult TryInvalidate(ReadOnlySpan<IommuHwptVtdS1Invalidate> entries, out int done)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(entries);
        UserMemory array = Context.Nodes.Rent(bytes.Length);
        array.CopyFrom(0, bytes);
        var arguments = new IommuHwptInvalidate
        {
            Size = NodeClient.SizeOf<IommuHwptInvalidate>(),
            HwptId = Id,
            DataUptr = array.Address.Value,
            DataType = IommufdH.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
            EntryLen = NodeClient.SizeOf<IommuHwptVtdS1Invalidate>(),
            EntryNum = (uint)entries.Length,
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_HWPT_INVALIDATE, ref arguments);
        Context.Nodes.Return(array);
        done = (int)arguments.EntryNum;
        return result;
    }
}
