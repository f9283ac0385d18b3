using Ioasis.Core.Dma;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>What sends requests by the engines of one model: a whole function, or a part of one.</summary>
internal interface IBusMaster
{
    /// <summary>The function's ID.</summary>
    DeviceId Id { get; }

    /// <summary>What is enabled of it.</summary>
    EndpointFeatures Enabled { get; }

    /// <inheritdoc cref="Endpoint.Block"/>
    SendBlock? Block { get; set; }

    /// <summary>Whether it may send requests.</summary>
    bool CanSend { get; }

    /// <summary>Gets what code of the model throws that is called with an answer to a page request.</summary>
    internal Action<Exception>? CallbackFailed { set; }

    /// <inheritdoc cref="Endpoint.OpenPort(int, Pasid?)"/>
    DmaPort OpenPort(int translations, Pasid? defaultPasid);

    /// <inheritdoc cref="Endpoint.Reset()"/>
    void Reset();

    /// <inheritdoc cref="Endpoint.Progress(bool)"/>
    void Progress(bool mayBeDone);
}
