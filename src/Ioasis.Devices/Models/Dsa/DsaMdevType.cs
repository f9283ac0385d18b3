namespace Ioasis.Devices.Dsa;

/// <summary>
/// The queues of a device that mdevs can have, and the numbers of their interrupt handles. The host calls for one mdev
/// of a device at a time.
/// </summary>
/// <param name="count">Number of queues.</param>
internal sealed class DsaMdevQueues(int count)
{
    /// <summary>The queues that mdevs share now.</summary>
    internal List<DsaSharedQueue> Shared { get; } = [];

    /// <summary>Number of queues that no mdev has.</summary>
    internal int Free { get; set; } = count;

    internal DsaHandleNumbers Handles { get; } = new();

    /// <summary>Takes a place in a shared queue, of a new one if all are full; null if there is none.</summary>
    internal DsaSharedQueue? TakeShare()
    {
        DsaSharedQueue? queue = Shared.Find(q => q.Parts < DsaSharedQueue.MaxParts);
        if (queue is null)
        {
            if (Free == 0) return null;
            Free--;
            Shared.Add(queue = new DsaSharedQueue());
        }

        queue.Parts++;
        return queue;
    }

    /// <summary>Gives a place back. A queue that no mdev has any more is free.</summary>
    internal void GiveShare(DsaSharedQueue queue)
    {
        if (--queue.Parts > 0) return;
        Shared.Remove(queue);
        Free++;
    }
}

/// <summary>
/// The types <c>dsa-1dwq-v1</c>, a dedicated queue, and <c>dsa-1swq-v1</c>, a place in a shared queue (Linux's
/// developers, 2020: idxd mdev).
/// </summary>
/// <param name="parent">The device.</param>
/// <param name="options">Its options.</param>
/// <param name="queues">The queues that mdevs can have.</param>
/// <param name="isShared">Which of the two types.</param>
internal sealed class DsaMdevType(DsaDevice parent, DsaOptions options, DsaMdevQueues queues, bool isShared) : MdevType
{
    /// <inheritdoc/>
    public override string Name => isShared ? "1swq-v1" : "1dwq-v1";

    /// <inheritdoc/>
    public override string Description => isShared
        ? "one shared work queue, with a PASID for each submitter"
        : "one dedicated work queue, with a PASID of its own";

    /// <inheritdoc/>
    public override int? Available => !isShared ? queues.Free
        : (queues.Free * DsaSharedQueue.MaxParts) + queues.Shared.Sum(q => DsaSharedQueue.MaxParts - q.Parts);

    /// <inheritdoc/>
    public override MdevStatus Create(Guid uuid, out Mdev? mdev)
    {
        mdev = null;
        DsaSharedQueue? share = isShared ? queues.TakeShare() : null;
        if (isShared ? share is null : queues.Free == 0) return MdevStatus.NoneLeft;
        if (!isShared) queues.Free--;
        mdev = new Part(
            new DsaSubdevice(options, queues.Handles, share, parent.HasPageRequests),
            () =>
            {
                if (share is not null) queues.GiveShare(share);
                else queues.Free++;
            });
        return MdevStatus.Ok;
    }

    private sealed class Part(DsaSubdevice model, Action giveBack) : PciMdev(model)
    {
        public override void Remove() => giveBack();
    }
}
