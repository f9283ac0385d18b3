using System.Diagnostics.Metrics;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.Pasids;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Mapping;

namespace Ioasis.Diagnostics.Metrics;

/// <summary>The instruments for what programs have at the moment. A listener's thread reads them.</summary>
internal static class CurrentValues
{
    internal static void AddTo(
        Meter meter, Observers observers, PasidSpace pasids, Func<IEnumerable<Endpoint>> devices)
    {
        meter.CreateObservableUpDownCounter(
            "ioasis.maps", () => observers.ReadTotals().Maps, "{mapping}",
            "Mappings of all I/O address spaces of programs.");
        meter.CreateObservableUpDownCounter(
            "ioasis.mapped.bytes", () => (long)observers.ReadTotals().MappedBytes, "By", "Bytes of these mappings.");
        meter.CreateObservableUpDownCounter(
            "ioasis.pinned.bytes", () => (long)(ProcessPins.PinnedByAll * IoPageTable.HostPageSize), "By",
            "Bytes of programs' memory that are pinned.");
        meter.CreateObservableUpDownCounter(
            "ioasis.files", () => observers.ReadTotals().Files, "{file}",
            "Files of nodes, and of queues, that programs have open.");
        meter.CreateObservableUpDownCounter(
            "ioasis.pasids", () => pasids.Count, "{pasid}", "PASIDs that are given out.");
        meter.CreateObservableUpDownCounter(
            "ioasis.page_requests.outstanding", () => devices().Sum(d => d.OutstandingPageRequests), "{request}",
            "Page requests of devices that are not answered.");
    }
}
