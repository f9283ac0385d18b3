using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.PageRequests;

namespace Ioasis.Client;

/// <summary>
/// A queue of devices' page requests, and the answers to them (IOMMU_FAULT_QUEUE_ALLOC). For one thread at a time.
/// </summary>
public sealed class FaultQueue : QueueReader
{
    private static readonly ulong s_room = NodeClient.SizeOf<IommuHwptPgfault>() * 1024ul;

    /// <summary>Takes over the file of a fault queue.</summary>
    /// <param name="nodes">The transport that made it.</param>
    /// <param name="file">The descriptor that the ioctl returned, adopted (<see cref="NodeTransport.Adopt"/>).</param>
    /// <param name="id">The queue's ID in its context, if known.</param>
    public FaultQueue(NodeTransport nodes, NodeHandle file, uint id = 0) : base(nodes, file, s_room) => Id = id;

    /// <summary>Makes a queue through the node that will own it.</summary>
    internal static FaultQueue Allocate(NodeClient owner)
    {
        var arguments = new IommuFaultAlloc { Size = NodeClient.SizeOf<IommuFaultAlloc>() };
        SysResult result = owner.TryIoctl(IommufdH.IOMMU_FAULT_QUEUE_ALLOC, ref arguments);
        if (!result.IsOk) throw new IommuException(result, "allocation of a fault queue");
        NodeHandle file = owner.Nodes.Adopt((int)arguments.OutFaultFd, $"fault queue {arguments.OutFaultId}");
        return new FaultQueue(owner.Nodes, file, arguments.OutFaultId);
    }

    /// <summary>The queue's ID in the context. HWPTs name by it the queue for their page requests.</summary>
    public uint Id { get; }

    /// <summary>
    /// Reads the page requests in the queue; waits for one if it is empty. Requests that are answered together have the
    /// same cookie; the last of them says so.
    /// </summary>
    /// <param name="timeout">The longest wait. The result is empty after it.</param>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    public IReadOnlyList<PageFault> Read(TimeSpan timeout) => Parse(ReadBytes(s_room, timeout));

    /// <summary>
    /// Reads groups of page requests, each when its last request is there, until the queue is closed:
    /// <c>await foreach (PageFaultGroup group in queue.ReadGroupsAsync(token))</c>.
    /// </summary>
    /// <param name="cancellation">Ends the sequence with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    public async IAsyncEnumerable<PageFaultGroup> ReadGroupsAsync(
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var incomplete = new Dictionary<uint, List<PageFault>>(); // by cookie
        while (await ReadBytesAsync(s_room, cancellation).ConfigureAwait(false) is { Length: > 0 } bytes)
        {
            foreach (PageFault fault in Parse(bytes))
            {
                if (!incomplete.TryGetValue(fault.Cookie, out List<PageFault>? group))
                    incomplete.Add(fault.Cookie, group = []);
                group.Add(fault);
                if (!fault.IsLast) continue;
                incomplete.Remove(fault.Cookie);
                yield return new PageFaultGroup(this, group);
            }
        }
    }

    /// <summary>Answers the page requests that have a cookie.</summary>
    /// <param name="cookie">The cookie that was read with them.</param>
    /// <param name="response">Success lets the device try again; Invalid makes it give up.</param>
    /// <exception cref="IommuException">EINVAL if no request with that cookie waits, or the answer is unknown. Under
    /// <c>run</c> such mistakes are not reported.</exception>
    public void Respond(uint cookie, PageResponse response)
    {
        var answer = new IommuHwptPageResponse { Cookie = cookie, Code = (uint)response };
        WriteBytes(MemoryMarshal.AsBytes(new ReadOnlySpan<IommuHwptPageResponse>(in answer)));
    }

    private static PageFault[] Parse(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<IommuHwptPgfault> requests = MemoryMarshal.Cast<byte, IommuHwptPgfault>(bytes);
        var faults = new PageFault[requests.Length];
        for (int i = 0; i < faults.Length; i++) faults[i] = new PageFault(requests[i]);
        return faults;
    }
}
