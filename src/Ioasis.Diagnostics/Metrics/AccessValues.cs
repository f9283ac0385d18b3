using System.Diagnostics.Metrics;
using Ioasis.Core.Dma;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.Metrics;

/// <summary>
/// The instruments for what devices access. Each port counts for itself (<see cref="DmaPort"/>); a listener's thread
/// adds the counts up.
/// </summary>
internal static class AccessValues
{
    internal static void AddTo(Meter meter, Observers observers)
    {
        meter.CreateObservableCounter(
            "ioasis.dma.bytes", () => Bytes(observers), "By", "Bytes that devices moved, by direction.");
        meter.CreateObservableCounter(
            "ioasis.iotlb.hits", () => PerDevice(observers, c => c.Hits), "{lookup}",
            "Look-ups that the IOTLBs of a device's engines answered.");
        meter.CreateObservableCounter(
            "ioasis.iotlb.misses", () => PerDevice(observers, c => c.Misses), "{lookup}",
            "Look-ups for which a page table was walked.");
    }

    private static IEnumerable<Measurement<long>> Bytes(Observers observers)
    {
        foreach ((DeviceId device, AccessCounts counts) in observers.CountAccesses())
        {
            yield return Of(counts.ReadBytes, "read");
            yield return Of(counts.WrittenBytes, "write");

            Measurement<long> Of(long bytes, string direction) =>
                new(bytes, new(Labels.Device, device.ToString()), new(Labels.Direction, direction));
        }
    }

    private static IEnumerable<Measurement<long>> PerDevice(Observers observers, Func<AccessCounts, long> value) =>
        observers.CountAccesses().Select(
            c => new Measurement<long>(value(c.Value), new KeyValuePair<string, object?>(
                Labels.Device, c.Key.ToString())));
}
