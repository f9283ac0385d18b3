using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Units.Vtd;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>
/// Invariant 4 at scale: each page request is answered exactly once, whoever reads them, and never more than a device's
/// share waits.
/// </summary>
public sealed class PageRequestStormTests
{
    private const int Devices = 8, PerDevice = 125_000, Share = 32;

    /// <summary>What the reader of a queue is like.</summary>
    private enum Reader
    {
        Prompt,
        Slow,
        AnswersTwice,
        Dead,
    }

    private readonly VtdUnit _unit = new("dmar0", new VtdFeatures());
    private long _sent;
    private long _answered;
    private long _twice;

    [Fact]
    public async Task AMillionRequestsOfEightDevicesAreAnsweredOnceEach()
    {
        Task[] all = [.. Enum.GetValues<Reader>().Select(reader => Task.Factory.StartNew(
            () => Play(reader), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        await Task.WhenAll(all);
        Assert.Equal(((long)Devices * PerDevice, (long)Devices * PerDevice, 0L), (_sent, _answered, _twice));
    }

    /// <summary>Two devices, their queue, and who reads it.</summary>
    private void Play(Reader reader)
    {
        var queue = new IommufdFaultQueue();
        Assert.Equal(
            Errno.None, new ObjectTable().TryReserve(queue, out ObjectTable.Pending<IommufdFaultQueue>? reserved));
        reserved!.Commit();
        Assert.Equal(IommuStatus.Ok, _unit.CreatePagingDomain(
            new Endpoint(new RequesterId(0, 0, (byte)(2 + reader), 7), _unit, new IommuGroup(100 + (int)reader)),
            PagingDomainOptions.None, null,
            new MappingTable(4096), out PagingDomain? domain));
        domain!.PageRequests = queue;
        Endpoint[] devices = [.. Enumerable.Range(0, Devices / 4).Select(i => new Endpoint(
            new RequesterId(0, 0, (byte)(2 + reader), (byte)i), _unit, new IommuGroup(((int)reader * 2) + i))
        {
            Features = new EndpointFeatures { Ats = true, PageRequests = Share },
        })];
        foreach (Endpoint device in devices) Assert.Equal(IommuStatus.Ok, device.Attach(null, domain));

        int[] sent = new int[devices.Length];
        while (sent.Any(count => count < PerDevice))
        {
            bool any = false;
            for (int i = 0; i < devices.Length; i++)
                while (sent[i] < PerDevice && TrySend(devices[i], (uint)sent[i])) (any, sent[i]) = (true, sent[i] + 1);
            Assert.All(devices, device => Assert.InRange(device.OutstandingPageRequests, 0, Share));
            if (reader == Reader.Dead) Replug(devices, domain);
            else if (!any || reader != Reader.Slow) Read(queue, reader);
        }

        if (reader != Reader.Dead) Read(queue, reader);
        Replug(devices, domain);
        Assert.All(devices, device => Assert.Equal(0, device.OutstandingPageRequests));
        Assert.False(queue.HasUnread);
    }

    private bool TrySend(Endpoint device, uint number)
    {
        int answers = 0;
        Interlocked.Increment(ref _sent);
        bool sent = device.RequestPage(
            new PageRequest(null, number & 0x1ff, PageRequestAccess.Read, new Iova((ulong)number << 12), true), _ =>
        {
            if (Interlocked.Increment(ref answers) > 1) Interlocked.Increment(ref _twice);
            Interlocked.Increment(ref _answered);
        });
        if (!sent) Interlocked.Decrement(ref _sent); // as many wait as may
        return sent;
    }

    /// <summary>Nobody answers: what ends the waiting is the end of the attachment.</summary>
    private static void Replug(Endpoint[] devices, PagingDomain domain)
    {
        foreach (Endpoint device in devices)
        {
            device.Attach(null, null);
            Assert.Equal(0, device.OutstandingPageRequests);
            device.Attach(null, domain);
        }
    }

    private static void Read(IommufdFaultQueue queue, Reader reader)
    {
        while (queue.TryTake(16, out IommuHwptPgfault[]? requests) > 0)
        {
            var response = new IommuHwptPageResponse { Cookie = requests![0].Cookie, Code = IOMMUFD_PAGE_RESP_SUCCESS };
            Assert.Equal(Errno.None, queue.Respond(in response));
            if (reader == Reader.AnswersTwice) Assert.Equal(Errno.EINVAL, queue.Respond(in response));
        }
    }
}
