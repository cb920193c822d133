"""What buttons say in other languages, for edits such as "translate the button to German"."""

from __future__ import annotations

LANGUAGES = ("German", "French", "Spanish", "Italian")
TRANSLATIONS: dict[str, tuple[str, str, str, str]] = {
    "Log in": ("Anmelden", "Connexion", "Entrar", "Accedi"),
    "Sign in": ("Anmelden", "Connexion", "Entrar", "Accedi"),
    "Sign up": ("Registrieren", "Inscription", "Registrarse", "Iscriviti"),
    "Create account": ("Konto erstellen", "Créer un compte", "Crear cuenta", "Crea account"),
    "Subscribe": ("Abonnieren", "S’abonner", "Suscribirse", "Iscriviti"),
    "Send message": ("Nachricht senden", "Envoyer", "Enviar mensaje", "Invia messaggio"),
    "Send": ("Senden", "Envoyer", "Enviar", "Invia"),
    "Book now": ("Jetzt buchen", "Réserver", "Reservar", "Prenota ora"),
    "Reserve": ("Reservieren", "Réserver", "Reservar", "Prenota"),
    "Add to cart": ("In den Warenkorb", "Ajouter au panier", "Añadir al carrito", "Aggiungi al carrello"),
    "Buy now": ("Jetzt kaufen", "Acheter", "Comprar", "Compra ora"),
    "Get started": ("Loslegen", "Commencer", "Empezar", "Inizia"),
    "Choose plan": ("Wählen", "Choisir", "Elegir", "Scegli"),
    "Get tickets": ("Karten kaufen", "Acheter des billets", "Comprar entradas", "Compra i biglietti"),
    "See my work": ("Meine Arbeiten", "Voir mes travaux", "Ver mi trabajo", "Vedi i miei lavori"),
    "Back to home": ("Zur Startseite", "Retour à l’accueil", "Volver al inicio", "Torna alla home"),
    "Add": ("Hinzufügen", "Ajouter", "Añadir", "Aggiungi"),
}
