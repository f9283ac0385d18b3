using System.Runtime.InteropServices;
using Ioasis.Abi;

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
    /// Invalidates the IOMMU's caches of the first stage (IOMMU_HWPT_INVALIDATE). After it returns, earlier changes of
    /// the tables are in effect.
    /// </summary>
    /// <param name="entry">The invalidation, in the structure of the IOMMU's kind.</param>
    /// <exception cref="IommuException">EINVAL, also for a first stage of another kind.</exception>
    public void Invalidate<T>(in T entry) where T : unmanaged, IHwptInvalidation
    {
        SysResult result = TryInvalidate(new ReadOnlySpan<T>(in entry), out _);
        if (!result.IsOk) throw new IommuException(result, $"invalidation in HWPT {Id}");
    }

    /// <summary>Makes several invalidations in one call and returns the result instead of throwing.</summary>
    /// <param name="entries">The invalidations, done in this order up to the first that fails.</param>
    /// <param name="done">Number of invalidations done.</param>
    public SysResult TryInvalidate<T>(ReadOnlySpan<T> entries, out int done) where T : unmanaged, IHwptInvalidation
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(entries);
        UserMemory array = Context.Nodes.Rent(bytes.Length);
        array.CopyFrom(0, bytes);
        var arguments = new IommuHwptInvalidate
        {
            Size = NodeClient.SizeOf<IommuHwptInvalidate>(),
            HwptId = Id,
            DataUptr = array.Address.Value,
            DataType = T.DataType,
            EntryLen = NodeClient.SizeOf<T>(),
            EntryNum = (uint)entries.Length,
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_HWPT_INVALIDATE, ref arguments);
        Context.Nodes.Return(array);
        done = (int)arguments.EntryNum;
        return result;
    }
}
