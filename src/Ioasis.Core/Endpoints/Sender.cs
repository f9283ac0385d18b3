using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// The requests of a function that one attachment is for: those without PASID, with a PASID, or of one of its parts
/// with a number of that part's owner.
/// </summary>
/// <param name="Pasid">The PASID that they carry; null for none.</param>
/// <param name="Part">The part whose table has them; null for the function's.</param>
/// <param name="Number">What the part's owner calls the PASID; set together with <paramref name="Part"/>.</param>
internal readonly record struct Sender(Pasid? Pasid, EndpointPart? Part = null, Pasid? Number = null);
