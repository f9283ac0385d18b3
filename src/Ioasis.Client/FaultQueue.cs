using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// Page requests of devices, and the answers to them (IOMMU_FAULT_QUEUE_ALLOC). One thread at a time uses it.
/// </summary>
public sealed class FaultQueue : QueueReader
{
    private static readonly ulong s_room = NodeClient.SizeOf<IommuHwptPgfault>() * 1024ul;

    /// <summary>Takes over the file of a fault queue.</summary>
    /// <param name="nodes">Where it was made.</param>
    /// <param name="file">The descriptor that the ioctl returned, adopted (<see cref="NodeTransport.Adopt"/>).</param>
    /// <param name="id">The queue's number in its context, as far as it is known.</param>
    public FaultQueue(NodeTransport nodes, NodeHandle file, uint id = 0) : base(nodes, file, s_room) => Id = id;

    /// <summary>Makes one through the node that it is to belong to.</summary>
    internal static FaultQueue Allocate(NodeClient owner)
    {
        var arguments = new IommuFaultAlloc { Size = NodeClient.SizeOf<IommuFaultAlloc>() };
        SysResult result = owner.TryIoctl(IommufdH.IOMMU_FAULT_QUEUE_ALLOC, ref arguments);
        if (!result.IsOk) throw new IommuException(result.Errno, "allocation of a fault queue");
        NodeHandle file = owner.Nodes.Adopt((int)arguments.OutFaultFd, $"fault queue {arguments.OutFaultId}");
        return new FaultQueue(owner.Nodes, file, arguments.OutFaultId);
    }

    /// <summary>Its number in the context, as HWPTs are told where their page requests go.</summary>
    public uint Id { get; }

    /// <summary>
    /// Reads the page requests that are there, waiting for one if there is none. Those that are answered together have
    /// the same cookie, and the last of them IOMMU_PGFAULT_FLAGS_LAST_PAGE.
    /// </summary>
    /// <param name="timeout">How long to wait at most; then the answer is empty.</param>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    public IReadOnlyList<IommuHwptPgfault> Read(TimeSpan timeout) =>
        MemoryMarshal.Cast<byte, IommuHwptPgfault>(ReadBytes(s_room, timeout)).ToArray();

    /// <summary>Answers the page requests of a cookie.</summary>
    /// <param name="cookie">What was read with them.</param>
    /// <param name="code">IOMMUFD_PAGE_RESP_SUCCESS: the device tries again; IOMMUFD_PAGE_RESP_INVALID: it gives
    /// up.</param>
    /// <exception cref="IommuException">EINVAL: nothing with that cookie waits for an answer, or no such code. Under
    /// <c>run</c> nobody tells.</exception>
    public void Respond(uint cookie, uint code)
    {
        var response = new IommuHwptPageResponse { Cookie = cookie, Code = code };
        WriteBytes(MemoryMarshal.AsBytes(new ReadOnlySpan<IommuHwptPageResponse>(in response)));
    }
}
