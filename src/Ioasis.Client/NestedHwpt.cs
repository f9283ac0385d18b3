using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// A HWPT with a first stage in the memory of the IOAS below it. The owner writes the first stage there.
/// </summary>
public sealed class NestedHwpt : Hwpt
{
    internal NestedHwpt(IommuContext context, uint id) : base(context, id)
    {
    }

    /// <summary>
    /// Invalidates an Intel VT-d unit's caches of the first stage (IOMMU_HWPT_INVALIDATE). After it returns, earlier
    /// changes of the tables are in effect.
    /// </summary>
    /// <param name="at">First address, a multiple of 4 KiB.</param>
    /// <param name="pages">Number of 4 KiB pages; null, with address 0, for all.</param>
    /// <param name="leafOnly">Whether only leaves changed, not entries that lead to a table.</param>
    /// <exception cref="IommuException">EINVAL if misaligned, or not a first stage of a VT-d unit.</exception>
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

    /// <summary>Invalidates everything.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public void InvalidateAll() => Invalidate(Iova.Zero, null);

    /// <summary>Makes several invalidations in one call and returns the result instead of throwing.</summary>
    /// <param name="entries">The invalidations, done in this order up to the first that fails.</param>
    /// <param name="done">Number of invalidations done.</param>
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
