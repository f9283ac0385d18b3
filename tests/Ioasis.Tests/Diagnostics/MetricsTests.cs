using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ioasis.Client;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Pasids;
using Ioasis.Diagnostics.Metrics;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Diagnostics;

/// <summary>The Meter and the ActivitySource give what programs and devices did, each thing once.</summary>
public sealed class MetricsTests : IDisposable
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly NodeTransport _nodes;

    public MetricsTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void CurrentValuesAreTheMachinesWheneverTheMetricsBegan()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(0x3000);
        Iova first = ioas.Map(memory, MapAccess.ReadWrite, new Iova(0x10_0000));
        using MachineMetrics metrics = Measure();
        using var heard = new Heard(metrics);
        Assert.Equal((1, 0x3000), (heard.Now("ioasis.maps"), heard.Now("ioasis.mapped.bytes")));
        Assert.Equal(1, heard.Now("ioasis.files"));

        using (Ioas second = iommu.AllocateIoas())
        {
            second.Map(memory, MapAccess.Read, new Iova(0x20_0000));
            using VfioDevice device = VfioDevice.Open(_nodes, s_function);
            Assert.Equal((2, 0x6000), (heard.Now("ioasis.maps"), heard.Now("ioasis.mapped.bytes")));
            Assert.Equal(2, heard.Now("ioasis.files"));
        }

        ioas.Unmap(first, 0x3000);
        Assert.Equal((0, 0), (heard.Now("ioasis.maps"), heard.Now("ioasis.mapped.bytes")));
        Assert.Equal(1, heard.Now("ioasis.files"));
        var owner = new PasidOwner { Quota = 1 };
        Assert.Equal(Ioasis.Core.IommuStatus.Ok, _machine.Pasids.Allocate(owner, 1, 100, out Pasid pasid));
        Assert.Equal(_machine.Pasids.Count, heard.Now("ioasis.pasids"));
        _machine.Pasids.Free(owner, pasid);
    }

    [Fact]
    public void CallsAreTimedByNameAndErrno()
    {
        using MachineMetrics metrics = Measure();
        using var heard = new Heard(metrics);
        using IommuContext iommu = IommuContext.Open(_nodes);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(0x1000);
        ioas.Map(memory, MapAccess.ReadWrite, new Iova(0x1000));
        Assert.Throws<IommuException>(() => ioas.Map(memory, MapAccess.ReadWrite, new Iova(0x1000)));
        Assert.Throws<IommuException>(() => ioas.Unmap(new Iova(0x9000), 0x1000));

        IReadOnlyList<(double Value, string Labels)> calls = heard.Of("ioasis.call.duration");
        Assert.Equal(
            [
                "call=IOMMU_IOAS_ALLOC,errno=ok", "call=IOMMU_IOAS_MAP,errno=ok", "call=IOMMU_IOAS_MAP,errno=EEXIST",
                "call=IOMMU_IOAS_UNMAP,errno=ENOENT",
            ],
            calls.Select(c => c.Labels));
        Assert.All(calls, c => Assert.InRange(c.Value, 1e-9, 60));
    }

    [Fact]
    public void FaultsBytesAndMissesAreOfTheirDevice()
    {
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint(), other = bench.NewEndpoint();
        using var metrics = new MachineMetrics(bench.Unit.Observers, new PasidSpace(), () => [endpoint, other]);
        using var heard = new Heard(metrics);
        PagingDomain domain = bench.NewDomain();
        bench.Map(domain, 0x1000, 0x1000, 1, MapAccess.Read);
        using DmaPort port = endpoint.OpenPort(), blocked = other.OpenPort();
        endpoint.Attach(null, domain);
        byte[] data = new byte[8];
        for (int i = 0; i < 3; i++) Assert.True(port.Read(new Iova(0x1000), data).IsOk);
        port.Write(new Iova(0x1000), data);
        port.Read(new Iova(0x7000), data);
        port.Read(new Iova(0x8000), data);
        blocked.Read(new Iova(0x1000), data);

        string device = $"device={endpoint.Id}", second = $"device={other.Id}", unit = "unit=test";
        Assert.Equal(
            [
                (1, $"{device},reason=NoPermission,{unit}"), (1, $"{device},reason=NotMapped,{unit}"),
                (1, $"{device},reason=NotMapped,{unit}"), (1, $"{second},reason=NotAttached,{unit}"),
            ],
            heard.Of("ioasis.faults"));
        heard.Read();
        Assert.Equal(
            [(24, $"{device},direction=read"), (0, $"{device},direction=write"), (0, $"{second},direction=read"),
                (0, $"{second},direction=write")],
            heard.Of("ioasis.dma.bytes").OrderBy(v => v.Labels));
        Assert.Equal([(2, device), (0, second)], heard.Of("ioasis.iotlb.hits").OrderBy(v => v.Labels));
        Assert.Equal([(4, device), (1, second)], heard.Of("ioasis.iotlb.misses").OrderBy(v => v.Labels));
    }

    [Fact]
    public void APageRequestIsTimedFromItsLastToItsAnswerAndOnce()
    {
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint();
        using var metrics = new MachineMetrics(bench.Unit.Observers, new PasidSpace(), () => [endpoint]);
        using var heard = new Heard(metrics);
        using DmaPort port = endpoint.OpenPort();
        port.RequestsPages = true;
        var request = new PageRequest(null, 3, PageRequestAccess.Read, new Iova(0x1000), IsLast: true);
        Assert.True(port.RequestPage(request, static _ => { })); // nobody is attached: it is refused at once
        (double seconds, string labels) = Assert.Single(heard.Of("ioasis.page_request.duration"));
        Assert.Equal($"device={endpoint.Id},response=Invalid", labels);
        Assert.InRange(seconds, 0, 60);
        Assert.Equal(0, heard.Now("ioasis.page_requests.outstanding"));
    }

    [Fact]
    public void ASpanIsTheCallWithItsErrnoReasonAndTimes()
    {
        using MachineMetrics metrics = Measure();
        var spans = new ConcurrentQueue<Activity>();
        using var parent = new Activity("test");
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == MachineMetrics.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = a =>
            {
                if (a.TraceId == parent.TraceId) spans.Enqueue(a);
            },
        };
        ActivitySource.AddActivityListener(listener);
        parent.Start();
        using IommuContext iommu = IommuContext.Open(_nodes);
        using (Ioas ioas = iommu.AllocateIoas())
            Assert.Throws<IommuException>(() => ioas.Unmap(new Iova(0x9000), 0x1000));
        parent.Stop();

        Assert.Equal(["IOMMU_IOAS_ALLOC", "IOMMU_IOAS_UNMAP", "IOMMU_DESTROY"], spans.Select(s => s.OperationName));
        Assert.All(spans, s =>
        {
            Assert.Equal((ActivityKind.Server, "/dev/iommu"), (s.Kind, s.GetTagItem("ioasis.path")));
            Assert.InRange(s.StartTimeUtc, parent.StartTimeUtc.AddMilliseconds(-50), DateTime.UtcNow);
            Assert.InRange(s.Duration, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1));
        });
        Activity refused = spans.ElementAt(1);
        Assert.Equal(("ENOENT", ActivityStatusCode.Error), (refused.GetTagItem("errno"), refused.Status));
        Assert.Equal(refused.GetTagItem("ioasis.why"), refused.StatusDescription);
        Assert.Contains("0x9000", refused.StatusDescription, StringComparison.Ordinal);
        Assert.Equal("ok", spans.First().GetTagItem("errno"));
    }

    [Fact]
    public void WhenNobodyMeasuresNothingIsAskedOfTheMachine()
    {
        using (Measure()) Assert.True(_machine.Observers.Want(EventKinds.AccessCounts));
        Assert.False(_machine.Observers.Want(EventKinds.AccessCounts | EventKinds.Call | EventKinds.Interrupt));
    }

    private MachineMetrics Measure() =>
        new(_machine.Observers, _machine.Pasids, () => _machine.Devices.Select(d => d.Endpoint));

    /// <summary>Hears the instruments of one machine's metrics.</summary>
    private sealed class Heard : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentQueue<(string Name, double Value, string Labels)> _told = [];

        internal Heard(MachineMetrics metrics)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter == metrics.Meter) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Keep(i, value, tags));
            _listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Keep(i, value, tags));
            _listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Keep(i, value, tags));
            _listener.Start();
        }

        public void Dispose() => _listener.Dispose();

        internal void Read() => _listener.RecordObservableInstruments();

        /// <summary>The value of an instrument without labels.</summary>
        internal double Now(string name)
        {
            _told.Clear();
            Read();
            return Assert.Single(Of(name)).Value;
        }

        internal IReadOnlyList<(double Value, string Labels)> Of(string name) =>
            [.. _told.Where(t => t.Name == name).Select(t => (t.Value, t.Labels))];

        private void Keep(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string labels = string.Join(',', tags.ToArray().Select(t => $"{t.Key}={t.Value}").Order());
            _told.Enqueue((instrument.Name, value, labels));
        }
    }
}
