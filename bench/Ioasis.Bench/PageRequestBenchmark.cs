using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Iommufd.Objects;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Memory;
using Ioasis.Units.Vtd;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Bench;

/// <summary>
/// A device misses a page and requests it; another thread reads the request, maps the page and answers; the device
/// tries again. Baselines: only the hand-over from one thread to another and back, by a futex, which need not sleep,
/// and by eventfds as here.
/// </summary>
internal static class PageRequestBenchmark
{
    private const double Most = 2;
    private const int Requests = 20_000, Few = 200;
    private const ulong Page = 4096, At = 0x10000;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        const string name = "page request, answered and retried", futex = "futex hand-over there and back",
            events = "eventfd hand-over there and back";
        string threads = Baselines.Program("threads");
        List<double> ours = [], byFutex = [], byEvents = [];
        for (int round = -1; round < rounds; round++)
        {
            double each = Round();
            if (round < 0) continue; // warms up the compiler
            ours.Add(each);
            IReadOnlyDictionary<string, double> bare = Baselines.Measure(threads);
            byFutex.Add(bare[futex]);
            byEvents.Add(bare[events]);
        }

        yield return new Comparison(name, Series.Of(ours), futex, Series.Of(byFutex)) { Target = Most };
        yield return new Comparison(name, Series.Of(ours), events, Series.Of(byEvents));
    }

    private static double Round()
    {
        var memory = new OwnAddressSpace();
        HostBlock block = memory.Allocate(Page);
        MemoryBacking backing = memory.Reference(new Hva((ulong)block.Address), Page, writable: true);
        backing.TryPopulate();
        var table = new MappingTable(Page);
        var unit = new VtdUnit("dmar0", new VtdFeatures());
        var device = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0))
        {
            Features = new EndpointFeatures { Ats = true, PageRequests = 32 },
        };
        unit.CreatePagingDomain(device, PagingDomainOptions.None, null, table, out PagingDomain? domain);
        SysEvents.CreateEventFd(0, 0, out FileDescriptor readable);
        SysEvents.CreateEventFd(0, 0, out FileDescriptor answered);
        var queue = new IommufdFaultQueue { Readable = () => SysEvents.WriteEventFd(readable, 1) };
        domain!.PageRequests = queue;
        device.Attach(null, domain, null, out _);
        using DmaPort port = device.OpenPort();
        port.RequestsPages = true;

        var pager = new Thread(() =>
        {
            for (int i = 0; i < Requests; i++)
            {
                SysEvents.ReadEventFd(readable, out _);
                queue.TryTake(16, out IommuHwptPgfault[]? requests);
                ulong at = requests![0].Addr;
                table.Map(new IovaRange(at, at + Page - 1), backing, 0, MapAccess.ReadWrite);
                var response = new IommuHwptPageResponse
                {
                    Cookie = requests[0].Cookie,
                    Code = IOMMUFD_PAGE_RESP_SUCCESS
                };
                queue.Respond(in response);
            }
        });
        pager.Start();
        Span<byte> bytes = stackalloc byte[64];
        Action<PageResponse> answer = _ => SysEvents.WriteEventFd(answered, 1);
        double best = double.MaxValue;
        long start = Stopwatch.GetTimestamp();
        for (int i = 1; i <= Requests; i++)
        {
            var at = new Iova(At + ((ulong)i * Page));
            if (!port.Read(at, bytes).IsRecoverable) throw new InvalidOperationException("There is no page to miss.");
            port.RequestPage(new PageRequest(null, 0, PageRequestAccess.Read, at, true), answer);
            SysEvents.ReadEventFd(answered, out _);
            if (!port.Read(at, bytes).IsOk)
                throw new InvalidOperationException("The page that was asked for is not there.");
            if (i % Few != 0) continue;
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds / Few);
            start = Stopwatch.GetTimestamp();
        }

        pager.Join();
        readable.Dispose();
        answered.Dispose();
        return best;
    }
}
