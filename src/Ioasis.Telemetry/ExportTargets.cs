using System.Net;

namespace Ioasis.Telemetry;

/// <summary>Where metrics and spans go.</summary>
/// <param name="Prometheus">The address at which Prometheus may ask for metrics; null for none.</param>
/// <param name="Otlp">The collector to which metrics and spans are sent, ending in a slash; null for none.</param>
internal sealed record ExportTargets(IPEndPoint? Prometheus, Uri? Otlp);
